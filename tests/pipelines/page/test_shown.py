"""A candidate as a person sees it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.pipelines.page.reading import Page, assert_self_contained
from tte2_ray.media import MediaLimits
from tte2_ray.pipelines.page.render import render
from tte2_ray.pipelines.page.shown import (
    TEXT_SHOWN,
    ShownCandidate,
    ShownQuery,
    changed,
    pictures,
    view,
)
from tte2_ray.schema import Item


def shown(**changes: Any) -> ShownQuery:
    said: dict[str, Any] = {"item": Item(item_id="a"), "ecr": "a star", "was": 2, "now": 1,
            "retriever_score": 0.5}  # fmt: skip
    one = ShownCandidate(**(said | changes))
    return ShownQuery(query=Item(item_id="q", text="a star"), candidates=(one,))


def test_pictures_are_made_of_files_and_left_out_where_one_is_gone(tmp_path: Path) -> None:
    Image.new("RGB", (60, 40), "red").save(tmp_path / "a.png")
    picture = pictures(MediaLimits())
    there = Item(item_id="a", image_uris=(str(tmp_path / "a.png"),))
    gone = Item(item_id="b", image_uris=(str(tmp_path / "b.png"),))
    assert picture(there).startswith("data:image/jpeg;base64,")
    assert picture(gone) == ""
    assert picture(Item(item_id="c", text="words")) == ""


@pytest.mark.parametrize("uri", ["https://example.com/a.png", "javascript:alert(1)", "a.png"])
def test_a_picture_that_is_not_in_the_page_is_not_shown(uri: str) -> None:
    seen = view(shown(), lambda item: uri)
    assert (seen.picture, seen.candidates[0].picture) == ("", "")


def test_a_rewrite_is_compared_with_the_ecr_thinking_and_statement_apart() -> None:
    ecr = "<think>red star</think>a star"
    rewrite = "<think>red small star</think>a star on the left"
    [candidate] = view(shown(ecr=ecr, rewrite=rewrite), lambda item: "").candidates
    assert candidate.rewrite is not None
    think, statement = candidate.rewrite
    assert [run.text for run in think if run.is_new] == ["small"]
    assert [run.text for run in statement if run.is_new] == ["on the left"]
    assert candidate.moved == "2 → 1"


def test_an_item_that_was_not_rewritten_has_no_rewrite() -> None:
    assert view(shown(), lambda item: "").candidates[0].rewrite is None


def test_a_long_text_is_cut_and_says_so() -> None:
    long = Item(item_id="a", text="word " * 1_000)
    seen = view(replace(shown(item=long), query=long), lambda item: "")
    for text in (seen.text, seen.candidates[0].text):
        assert text == long.text[:TEXT_SHOWN] + "…"


def test_what_is_new_and_what_stayed_make_the_rewritten_text() -> None:
    before, after = "one two three four", "zero one three five four"
    assert " ".join(run.text for run in changed(before, after)) == after
    assert changed("", "") == []


def test_a_name_that_a_template_misses_is_an_error(tmp_path: Path) -> None:
    from jinja2 import UndefinedError

    page = tmp_path / "page.html.j2"
    page.write_text('{% extends "look.html.j2" %}{% block page %}<p>{{ known }}</p>{% endblock %}')
    made = Page(render(page, known="<b>it</b>"))
    assert_self_contained(made)
    assert made.of("p")[0].text == "<b>it</b>"
    with pytest.raises(UndefinedError, match="known"):
        render(page)
