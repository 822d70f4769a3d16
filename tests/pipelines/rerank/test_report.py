"""The page of a reranked log, taken apart as a browser does; all numbers are made up."""

from dataclasses import replace
from typing import Any

import pytest

from tests.pipelines.page.reading import (
    HOSTILE,
    Page,
    assert_self_contained,
    made_hostile,
    table_rows,
    widths,
)
from tests.pipelines.rerank import made_up
from tte2_ray.pipelines.rerank.report import LETTERS_SHOWN, rerank_report
from tte2_ray.schema import Item

FORM = frozenset({
    "path", "digest", "in", "distinct", "answered", "degraded", "rejected", "kind", "tokens",
    "spent", "allowed", "prompt_text", "prompt_visual", "output", "cached", "prompt", "name",
    "rows", "reused", "prompt_tokens", "output_tokens", "seconds", "usd", "tokens_per_query",
    *made_up.results(),
})  # fmt: skip
"""Names that are part of the form of results.json."""


def nothing(item: Item) -> str:
    return ""


def page(**changes: Any) -> Page:
    made = rerank_report(
        made_up.results(**changes), [made_up.query()], made_up.letters(), made_up.TOKENS,
        picture=nothing,
    )  # fmt: skip
    return Page(made)


def test_the_page_accounts_for_every_query() -> None:
    made = page()
    assert_self_contained(made)
    tiles = [one.text for one in made.of("div", "tile")]
    assert tiles == [
        "500 queries in (285 distinct)",
        "431 answered in full",
        "66 degraded: less was done than was wanted",
        "3 rejected",
        f"{sum(made_up.TOKENS):,} tokens spent on reranking, 15.4% of those allowed",
    ]
    assert not made.of("div", "alarm")


def test_queries_that_do_not_add_up_are_an_alarm() -> None:
    queries = made_up.results()["queries"] | {"answered": 430}
    assert "do not add up" in page(queries=queries).of("div", "alarm")[0].text


def test_more_than_was_allowed_is_an_alarm() -> None:
    budget = {"kind": "mean_tokens_per_query", "tokens": 100, "spent": 101, "allowed": 100}
    [alarm] = page(budget=budget).of("div", "alarm")
    assert "101 of 100 tokens" in alarm.text


def test_every_step_of_the_ladder_has_its_bar() -> None:
    made = page(steps={"retrieval_order": 5, "full": 100, "of_another_release": 1})
    named = [one.text for one in made.of("div", "named")][:5]
    assert named == ["full 100 queries", "fewer rewrites 0 queries", "fewer judgements 0 queries",
                     "retrieval order 5 queries", "of another release 1 queries"]  # fmt: skip
    assert widths(made, "count")["full: 100 queries"] == 100
    assert widths(made, "count")["retrieval order: 5 queries"] == 5


def test_what_queries_took_is_spread_and_set_against_the_budget() -> None:
    made = page()
    counts = [int(one.attributes["title"].split(": ")[1]) for one in made.of("div", "bar")]
    assert sum(counts) == len(made_up.TOKENS)
    assert "the most was 2,000 of 2,048 allowed" in made.text
    assert "2,048 tokens for each query" in made.text


def test_a_job_without_a_budget_says_so() -> None:
    budget = {"kind": "none", "tokens": None, "spent": 5, "allowed": None}
    made = page(budget=budget)
    assert "No budget was set" in made.text
    assert "allowed" not in made.of("div", "tile")[-1].text


def test_tokens_stand_by_stage_and_those_of_the_index_apart() -> None:
    made = page()
    rows = table_rows(made, "a distinct query")
    assert rows[3] == ["rewriting (QAR)", "20,000", "6,000", "9,800", "35,800", "126", "4,096"]
    total = sum(int(row[4].replace(",", "")) for row in rows[1:])
    assert f"all queries {total:,} tokens" in {one.text for one in made.of("div", "named")}
    assert "812,345 tokens read and 402,001 written" in made.text


def test_queries_are_shown_before_and_after() -> None:
    made = page()
    assert "step: fewer rewrites" in made.text
    starts = [one.text.split(" retriever")[0] for one in made.of("div", "hit")]
    assert starts == ["2 → 1", "1 → 2", "3"]
    assert [one.text for one in made.of("mark")] == ["below, one of them striped"]


def test_rejected_queries_are_told_by_class_and_one_by_one() -> None:
    made = page()
    classes = table_rows(made, "class")
    assert classes[1:] == [["not_found", "2"], ["context_overflow", "1"]]
    rows = table_rows(made, "why")
    assert rows[3] == ["q-99", "reason", "context_overflow", made_up.letters()[2].message]
    assert "dead-letter/made-up of the store" in made.text
    assert "more." not in made.text


def test_only_the_first_of_many_rejected_queries_are_shown() -> None:
    letters = made_up.letters() * 40
    queries = {"in": 120, "distinct": 120, "answered": 0, "degraded": 0, "rejected": 120}
    made = Page(rerank_report(made_up.results(queries=queries), [], letters, [], picture=nothing))
    assert len(table_rows(made, "why")) == 1 + LETTERS_SHOWN
    assert f"And {120 - LETTERS_SHOWN} more." in made.text


def test_versions_and_fingerprints_stand_on_the_page() -> None:
    rows = dict(table_rows(page(), "index"))
    assert rows["judge"] == "made-up/judge-2b@1"
    assert rows["fingerprint: embedding"] == "bb" * 16
    assert rows["policy: judged"] == "20"


@pytest.mark.parametrize(
    "missing",
    ["notes", "message", "exit_code", "kept", "refusals", "offline_ecr_tokens", "phases", "seconds",
     "usd", "estimate", "rejected_by_class", "dead_letters", "models", "fingerprints", "policy"],
)  # fmt: skip
def test_a_part_that_is_not_there_is_left_out(missing: str) -> None:
    results = made_up.results()
    del results[missing]
    assert_self_contained(Page(rerank_report(results, [], [], [], picture=nothing)))


def test_an_empty_log_and_a_failed_job_have_a_page() -> None:
    queries = dict.fromkeys(("in", "distinct", "answered", "degraded", "rejected"), 0)
    budget = {"kind": "tokens_per_query", "tokens": 0, "spent": 0, "allowed": 0}
    made = page(queries=queries, budget=budget, steps={}, spent={}, exit_code=5, message="no query")
    assert "no query (exit code 5)" in made.text


def test_hostile_words_are_shown_and_run_nowhere() -> None:
    results = made_hostile(made_up.results(), FORM)
    letters = [replace(one, item_id=HOSTILE, stage=HOSTILE, error_class=HOSTILE, message=HOSTILE)
               for one in made_up.letters()]  # fmt: skip
    query = replace(made_up.query(), query=Item(item_id=HOSTILE, text=HOSTILE), step=HOSTILE)
    html = rerank_report(results, [query], letters, [1], picture=lambda item: HOSTILE)
    made = Page(html)
    assert_self_contained(made)
    assert "<script" not in html
    assert made.text.count(" ".join(HOSTILE.split())) > 40
