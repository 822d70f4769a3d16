"""A page as a browser takes it apart: its elements and its words."""

import base64
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

VOID = {"meta", "img", "br", "link", "input", "hr", "source"}
LEFT_OPEN = {"html", "main"}
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&lt;{{ 7 * 6 }}$x^2$"
"""Breaks out of an attribute and of an element, where something is not escaped."""


@dataclass
class Element:
    """With the words that stand in it, those of its children included."""

    tag: str
    attributes: dict[str, str]
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


class Page(HTMLParser):
    """Fails on an element that is closed out of order, or not at all."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert {one.tag for one in self._open} <= LEFT_OPEN

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag=tag, attributes={name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.words.append(data)

    def of(self, tag: str, kind: str = "") -> list[Element]:
        """Elements of a tag, and of a class."""
        return [
            one for one in self.elements
            if one.tag == tag and (not kind or kind in one.attributes.get("class", "").split())
        ]  # fmt: skip

    @property
    def text(self) -> str:
        return next(one for one in self.elements if one.tag == "html").text


def assert_self_contained(page: Page) -> None:
    """Nothing is fetched and nothing runs."""
    assert not [one for one in page.elements if one.tag in {"script", "iframe", "link", "object"}]
    for one in page.elements:
        assert not [name for name in one.attributes if name.startswith("on")], one
        assert one.attributes.get("src", "data:image/").startswith("data:image/"), one
        assert one.attributes.get("href", "#").startswith("#"), one
    [style] = page.of("style")
    assert "url(" not in style.text
    assert "@import" not in style.text


def table_rows(page: Page, heading: str) -> list[list[str]]:
    """Cells of the first table that has a heading cell of these words."""
    tables: list[list[list[str]]] = []
    for one in page.elements:
        if one.tag == "table":
            tables.append([])
        elif one.tag == "tr" and tables:
            tables[-1].append([])
        elif one.tag in {"td", "th"} and tables:
            tables[-1][-1].append(one.text)
    return next(rows for rows in tables if heading in rows[0])


def svg_of(uri: str) -> ElementTree.Element:
    """The picture behind a `data:` URI."""
    assert uri.startswith("data:image/svg+xml;base64,")
    return ElementTree.fromstring(base64.b64decode(uri.split(",", 1)[1]))


def svg_words(svg: ElementTree.Element) -> list[str]:
    words = [one.text or "" for one in svg.iter() if one.tag.endswith("}text")]
    return [word for word in words if word.strip()]


def widths(page: Page, kind: str) -> dict[str, float]:
    """Width in per cent by title, of the elements of a class."""
    return {
        one.attributes["title"]: float(re.findall(r"width:([\d.]+)%", one.attributes["style"])[0])
        for one in page.of("div", kind)
    }


def made_hostile(value: Any, fixed: frozenset[str]) -> Any:
    """Every string with `HOSTILE` behind it, but for those that are part of the form."""
    if isinstance(value, str):
        return value if value in fixed or not value else value + HOSTILE
    if isinstance(value, list):
        return [made_hostile(one, fixed) for one in value]
    if isinstance(value, dict):
        return {made_hostile(name, fixed): made_hostile(one, fixed) for name, one in value.items()}
    return value
