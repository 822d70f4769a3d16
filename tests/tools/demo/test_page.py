"""The page says what was found, marks it by the qrels, and needs nothing from elsewhere."""

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.tools.demo.conftest import Answered
from tools.demo.ask import Answer
from tools.demo.miniature import Miniature
from tools.demo.page import SHOWN_PER_TASK, render
from tools.shown import Row
from tte2_ray.media import MediaLimits

RESULTS: dict[str, Any] = {
    "rows": {"in": 10, "indexed": 9, "unchanged": 0, "rejected": 1},
    "tokens_this_run": {"reason_output": 50},
    "tokens_of_index": {"output_tokens": 50},
}
ROW = Row(name="run, first time", value=481.0, unit="s", target="< 480", holds=False)


class Tags(HTMLParser):
    """Keeps the classes of elements and what they fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.classes: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "class":
                self.classes.append(value or "")
            if name == "src" or (name == "href" and tag == "link"):
                self.fetched.append(value or "")


@pytest.fixture
def shown(world: Miniature) -> Any:
    def show(*answers: Answer) -> str:
        return render(world, answers, RESULTS, [ROW], MediaLimits(), "demo/index/report.html")

    return show


def test_hits_are_marked_by_the_qrels(shown: Any, answered: Answered) -> None:
    answer = answered("picture", "text-1", "text-2", grades={"picture": 2, "text-1": 1})
    tags = Tags()
    tags.feed(page := shown(answer))
    marks = [c for c in tags.classes if c.startswith("hit ")]
    assert marks == ["hit right", "hit near", "hit wrong"]
    assert "1 of 1 right at 1" in page
    assert "0.900" in page


def test_it_fetches_nothing_and_trusts_no_text(shown: Any, answered: Answered) -> None:
    tags = Tags()
    tags.feed(page := shown(answered("picture", grades={"picture": 1}, text="<script>x</script>")))
    assert len(tags.fetched) == 1
    assert tags.fetched[0].startswith("data:image/jpeg;base64,")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_pool_a_refusal_and_a_row_that_fails_are_said(shown: Any, answered: Answered) -> None:
    page = shown(
        answered("text-1", grades={"text-1": 1}, pool=("text-1", "text-2")),
        answered(grades={"text-1": 1}, refusal="corrupt_media: no picture"),
        answered("text-1", grades={"text-1": 1}, task="visdoc_retrieval"),
    )
    words = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))
    assert "searched among its own 2 candidates, 1 of them right" in words
    assert "searched among all 6 items" in words
    assert "refused: corrupt_media: no picture" in words
    assert "481 s < 480 NO" in words


def test_the_first_queries_of_a_task_are_shown_and_all_are_counted(
    shown: Any, answered: Answered
) -> None:
    wrong = answered("text-2", grades={"text-1": 1})
    late = answered("text-1", grades={"text-1": 1}, text="the last one")
    page = shown(*[wrong] * SHOWN_PER_TASK, late)
    assert "the last one" not in page, "what is right is not picked"
    assert f"1 of {SHOWN_PER_TASK + 1} right at 1" in page
