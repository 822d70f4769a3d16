"""What the rewriter learns from reads out what a query leaves open, and never what was asked."""

import random

import pytest

from tte2_ray.ecr import parse_ecr
from tte2_ray.mini.asks import NOTHING_OPEN, FooterAsk, SignAsk, is_open, looked
from tte2_ray.mini.looks import (
    LAST,
    LOOKS,
    SMALL_PRINT,
    as_asked,
    clip_look,
    look_batch,
    page_look,
    scene_look,
    sign_look,
    tinies_look,
    told_look,
)
from tte2_ray.mini.tasks import make_case
from tte2_ray.prompts import rewrite_text


@pytest.mark.parametrize("kinds", [SMALL_PRINT, LOOKS, LAST])
def test_lessons_are_the_same_for_the_same_step_and_differ_between_steps(kinds) -> None:
    said = [[lesson.branches for lesson in look_batch(0, step, kinds)] for step in (3, 3, 4)]
    assert said[0] == said[1] != said[2]


def test_a_look_says_what_stands_there_whatever_was_asked() -> None:
    """Of an item and its near-misses: the words of an ask stand in a look only where it holds."""
    seen = 0
    for task in ("image_retrieval", "video_retrieval", "visdoc_retrieval"):
        rng = random.Random(task)
        for _ in range(40):
            case = make_case(task, rng, "train")
            for one in (case.positive, *case.negatives):
                assert one.truth is not None
                said = parse_ecr(looked(case.asks, one.truth)).statement
                for ask in case.asks:
                    if is_open(ask, one.truth):
                        assert (ask.words in said) == ask.holds(one.truth), (ask, said)
                        seen += 1
    assert seen > 50


def test_a_look_adds_nothing_that_the_ecr_tells() -> None:
    rng = random.Random(5)
    for _ in range(40):
        case = make_case("visdoc_retrieval", rng, "train")
        assert case.positive.truth is not None
        told = tuple(a for a in case.asks if not is_open(a, case.positive.truth))
        assert looked(told, case.positive.truth) == NOTHING_OPEN


@pytest.mark.parametrize(("make", "kinds"), [
    (scene_look, {"tiny", "sign"}), (clip_look, {"tiny"}), (page_look, {"lines", "mark"}),
])  # fmt: skip
def test_most_queries_leave_something_open_of_each_kind(make, kinds: set[str]) -> None:
    rng = random.Random(6)
    looks = [look for _ in range(40) for _, look in make(rng, "train").branches]
    found = {kind for look in looks if look != NOTHING_OPEN
             for kind in parse_ecr(look).think.split(", ")}  # fmt: skip
    assert found == kinds
    assert 0.5 < sum(look != NOTHING_OPEN for look in looks) / len(looks) < 0.98


def test_a_rewriter_reads_what_the_cascade_shows_it() -> None:
    branches = page_look(random.Random(7), "train").branches
    words = [text.split("\n") for text, _ in branches]
    assert len({candidate for candidate, _, _ in words}) == 1, "one candidate, several queries"
    for (text, _), (candidate, query, _) in zip(branches, words, strict=True):
        shown, asked = candidate.removeprefix("Candidate: "), query.removeprefix("Query: ")
        assert text == rewrite_text(asked, shown)
    ((_, answer),) = told_look(random.Random(7), "train").branches
    assert answer == NOTHING_OPEN


def test_asks_stand_in_the_order_of_the_query() -> None:
    asks = (FooterAsk(word="paid"), SignAsk(word="zoo"))
    assert as_asked(asks, "a thing with sign zoo, marked paid") == asks[::-1]


@pytest.mark.parametrize("make", [sign_look, tinies_look])
def test_fine_detail_is_asked_for_by_words_that_tell_nothing_of_it(make) -> None:
    """One who repeats what was asked is nearly always wrong."""
    rng, repeated = random.Random(8), 0
    for _ in range(60):
        ((text, look),) = make(rng, "train").branches
        query = text.split("\n")[1]
        assert query.startswith("Query: ")
        said = parse_ecr(look).statement.split(", ")
        assert said != [""]
        repeated += any(words in query for words in said)
    assert repeated < 15
