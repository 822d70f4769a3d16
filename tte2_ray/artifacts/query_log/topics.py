"""TREC topics: the classic `<top>` form, or a line a query, `id<TAB>text`.

    <top>
    <num> Number: 301
    <title> International Organized Crime
    <desc> Description: …
    </top>

Of a classic topic the title is the query; where it has none, its description.
"""

import re
from collections.abc import Iterator
from typing import Any

from tte2_ray.artifacts.corpus.jsonl import decoded_line
from tte2_ray.artifacts.corpus.raw import Unreadable, text_lines
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import RowError, RowErrorClass, ValidationError

MAX_TOPIC_CHARS = 64 * 1024
"""Of a classic topic, its description and narrative included."""

_TAG = re.compile(r"<(num|title|desc|narr)>", re.IGNORECASE)
_LABEL = re.compile(r"^\s*(Number|Topic|Description|Narrative)\s*:", re.IGNORECASE)


def topic_rows(store: Store, key: str) -> Iterator[tuple[str, Any]]:
    """Where, and what: the topics of one file as rows of a log, or `Unreadable`.

    Raises:
        ValidationError: the file is XML, which is another form, or its gzip stream is broken.
    """
    uri = store.uri(key)
    with text_lines(store, key) as lines:
        numbered = ((n, line) for n, line in enumerate(lines, 1) if line is None or line.strip())
        first = next(numbered, None)
        if first is None:
            return
        start = (first[1] or b"").lstrip()[:8].lower()
        if start.startswith((b"<?xml", b"<topics")):
            raise ValidationError(
                f"{uri}: topics in XML are not read; write a line a query, id<TAB>text, or JSONL"
            )
        rows = _classic if start.startswith(b"<top>") else _simple
        yield from rows(uri, first, numbered)


def _simple(
    uri: str, first: tuple[int, bytes | None], rest: Iterator[tuple[int, bytes | None]]
) -> Iterator[tuple[str, Any]]:
    for number, line in _chained(first, rest):
        where = f"{uri}:{number}"
        try:
            text = decoded_line(line).rstrip("\r\n")
            query_id, tab, words = text.partition("\t")
            if not tab:
                message = "no tab between id and text; a line is id<TAB>text"
                raise RowError(RowErrorClass.MALFORMED_ROW, message)
            yield where, {"query_id": query_id.strip(), "text": words.strip()}
        except RowError as error:
            yield where, Unreadable(error=error, readable=(line or b"").decode(errors="replace"))


def _classic(
    uri: str, first: tuple[int, bytes | None], rest: Iterator[tuple[int, bytes | None]]
) -> Iterator[tuple[str, Any]]:
    topic: list[str] = []
    began = 0
    for number, line in _chained(first, rest):
        shown = (line or b"").decode(errors="replace").strip()
        if shown.lower().startswith("<top>"):
            if topic:
                yield f"{uri}:{began}", _unclosed(topic)
            topic, began = [shown[len("<top>") :]], number
        elif shown.lower().startswith("</top>"):
            yield f"{uri}:{began or number}", _topic(topic)
            topic, began = [], 0
        elif topic:
            topic.append(shown)
        else:
            error = RowError(RowErrorClass.MALFORMED_ROW, "a line outside of <top> … </top>")
            yield f"{uri}:{number}", Unreadable(error=error, readable=shown)
    if topic:
        yield f"{uri}:{began}", _unclosed(topic)


def _topic(lines: list[str]) -> Any:
    text = "\n".join(lines)
    parts = _TAG.split(text)
    found: dict[str, str] = {}
    for tag, value in zip(parts[1::2], parts[2::2], strict=True):
        found.setdefault(tag.lower(), " ".join(_LABEL.sub("", value).split()))
    if len(text) > MAX_TOPIC_CHARS or "�" in text:
        known = RowErrorClass.TOO_LARGE, f"the topic has {len(text)} characters"
        if "�" in text:
            known = RowErrorClass.BAD_ENCODING, "the topic is not UTF-8"
        return Unreadable(error=RowError(*known), readable={"query_id": found.get("num", "")})
    return {"query_id": found.get("num", ""), "text": found.get("title") or found.get("desc", "")}


def _unclosed(lines: list[str]) -> Unreadable:
    error = RowError(RowErrorClass.MALFORMED_ROW, "a <top> that no </top> closes")
    return Unreadable(error=error, readable="\n".join(lines))


def _chained(
    first: tuple[int, bytes | None], rest: Iterator[tuple[int, bytes | None]]
) -> Iterator[tuple[int, bytes | None]]:
    yield first
    yield from rest
