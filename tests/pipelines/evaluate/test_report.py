"""The page of an evaluation, taken apart as a browser does; all numbers are made up."""

import re
from functools import cache
from typing import Any

import pytest

from tests.pipelines.evaluate import made_up
from tests.pipelines.page.reading import (
    HOSTILE,
    Page,
    assert_self_contained,
    made_hostile,
    svg_of,
    svg_words,
    table_rows,
    widths,
)
from tte2_ray.pipelines.evaluate.report import Example, evaluate_report, systems
from tte2_ray.pipelines.page.figure import Line, Point, quality_figure
from tte2_ray.pipelines.page.shown import ShownCandidate, ShownQuery
from tte2_ray.schema import Item

DOT = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
FORM = frozenset({
    "name", "label", "after", "parameters", "quality", "tokens_per_query", "spent", "latency_s",
    "reranking_tokens_per_query", "steps", "budget", "run", "offline_ecr", "prompt", "output",
    "value", "low", "high", "n", "prompt_text", "prompt_visual", "cached", "mean", "p50", "p95",
    "kind", "tokens", "system", "change", "difference", "type", "modality", "measure", "pool",
    "queries", "values", "tasks", "of", "top1", "top10", "before", "task", "clear", "version",
    *made_up.results(),
})  # fmt: skip
"""Names that are part of the form of results.json."""


@pytest.fixture(autouse=True)
def drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure of the same values is drawn once for all tests: it takes as long as all the rest."""
    monkeypatch.setattr(systems, "quality_figure", lambda *given: drawn(*map(_hashable, given)))


@cache
def drawn(points: tuple[Point, ...], lines: tuple[Line, ...], quality: str) -> str:
    return quality_figure(points, lines, quality)


def _hashable(given: Any) -> Any:
    return tuple(given) if isinstance(given, list) else given


def picture(item: Item) -> str:
    return DOT if item.image_uris else ""


def page(examples: tuple[Example, ...] = (), **changes: Any) -> Page:
    return Page(evaluate_report(made_up.results(**changes), examples, picture=picture))


def figures(made: Page) -> list[list[str]]:
    """Words of each figure."""
    uris = [one.attributes["src"] for one in made.of("img")]
    return [svg_words(svg_of(uri)) for uri in uris if uri.startswith("data:image/svg")]


def test_the_figure_holds_every_system_and_the_budgets() -> None:
    made = page()
    assert_self_contained(made)
    first, policies = figures(made)
    labels = [label for label, *_ in made_up.SYSTEMS.values()]
    assert set(labels) <= set(first)
    assert "TTE + QAR + ECRR, by budget (each query)" in first
    assert {"64", "8,192"} & set(first), "budgets along the line"
    assert {"calibrated", "fixed n, m", "n=20 m=10"} <= set(policies)


def test_systems_stand_under_the_figure_with_quality_tokens_and_size() -> None:
    rows = table_rows(page(), "system")
    assert rows[4] == [
        "TTE + QAR + ECRR", "0.800 0.780 to 0.820", "1,480", "1,368", "6.4 M",
        "full 1,000, fewer rewrites 80",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("after", "low", "said"),
    [("tte", 0.01, "yes"), ("tte", -0.01, "NO"), ("tte", None, "unknown"),
     ("mm_ranker", -0.01, "no")],
)  # fmt: skip
def test_a_step_says_whether_its_interval_is_above_zero(
    after: str, low: float | None, said: str
) -> None:
    difference = {"value": 0.02, "low": low, "high": None if low is None else 0.05, "n": 9}
    before = "direct" if after == "tte" else "tte_qar_ecrr"
    step = {"before": before, "after": after, "difference": difference, "queries": 9}
    rows = table_rows(page(steps=[step]), "interval above zero")
    assert rows[1][-1] == said
    assert rows[1][2].startswith("+0.020")


def test_a_fall_of_quality_with_a_larger_budget_is_marked() -> None:
    assert "Nowhere is quality clearly below" in page().text
    sweep = made_up.results()["sweep"]
    sweep[3]["change"] = made_up.estimate(-0.05, 0.01)
    made = page(sweep=sweep)
    assert "Quality falls clearly" in made.text
    assert made.of("td", "clear")[0].text.startswith("−0.050")


def test_each_task_has_its_systems_side_by_side() -> None:
    made = page()
    rows = {row[0].split(" Success@1")[0]: row for row in table_rows(made, "task") if len(row) > 1}
    for task in made_up.results()["tasks"]:
        shown = [float(cell.split()[0]) for cell in rows[task["name"]][1:]]
        assert shown == [pytest.approx(v["value"], abs=5e-4) for v in task["values"].values()]
    assert "own candidates, 120 queries" in rows["clip question"][0]
    assert "whole index" in rows["page search"][0]


def test_a_later_stage_that_is_worse_is_marked_in_its_cell_and_told_at_the_top() -> None:
    made = page()
    rows = {row[0].split(" Success@1")[0]: row for row in table_rows(made, "task")}
    flagged = {(name, place): cell.partition("▼")[2].strip() for name, row in rows.items()
               for place, cell in enumerate(row) if "▼" in cell}  # fmt: skip
    assert flagged == {
        ("clip moment", 3): "worse than TTE",
        ("page search", 4): "clearly worse than TTE + ECRR",
    }
    assert made.of("div", "bad")[0].text.startswith("2 warnings")
    [alarm] = made.of("div", "alarm")
    assert "page search: TTE + QAR + ECRR against TTE + ECRR, −0.080" in alarm.text
    assert "clip moment" not in alarm.text, "only what is clear stands there"
    assert [row[0] for row in table_rows(made, "worse")[1:]] == ["page search", "clip moment"]


def test_no_warning_is_said_to_be_none() -> None:
    made = page(warnings=[])
    assert made.of("div", "good")[0].text.startswith("0 warnings")
    assert not made.of("div", "alarm")
    assert "▼" not in made.text


def test_first_ranks_stand_by_type_of_task() -> None:
    made = page()
    bars = [one for one in made.elements if one.attributes.get("role") == "img"
            and "among ten" in one.attributes.get("aria-label", "")]  # fmt: skip
    types = {kind for kind, _ in made_up.TASKS.values()}
    assert len(bars) == len(types) * len(made_up.SYSTEMS)
    assert bars[0].attributes["aria-label"] == "Direct embedding: 0.520 first, 0.930 among ten"


def test_tokens_are_drawn_by_stage_and_kind_on_one_scale() -> None:
    made = page()
    visual = widths(made, "visual")
    assert visual["judging, read, visual: 6,660 tokens"] == pytest.approx(100 * 6660 / 8930, 0.001)
    assert visual["rewriting (QAR), read, visual: 88 tokens"] > 0, "the cache served the rest"
    parts = [one for one in made.of("div", "part") if "output" in one.attributes["class"]]
    assert "rewriting (QAR), written: 170 tokens" in {one.attributes["title"] for one in parts}
    rows = table_rows(made, "read from the cache")
    assert rows[-1][1:] == ["judging", "1,618", "7,200", "0", "8,818", "540"]


def test_ecrs_of_the_index_stand_apart() -> None:
    made = page()
    assert "ECRs of the index, written" in {
        one.attributes["title"].split(":")[0] for one in made.of("div", "output")
    }
    totals = [one.text for one in made.of("div", "named") if "tokens" in one.text]
    assert totals.count("TTE 112 tokens") == 1, "in no bar of what a query costs"
    assert totals.count("TTE 145 tokens") == 1


def test_latency_stands_by_stage() -> None:
    made = page()
    rows = table_rows(made, "95th percentile")
    assert rows[-1][1:] == ["judging", "1.31 s", "–", "–"]
    assert "MM Ranker 1.34 s" in {one.text for one in made.of("div", "named")}


def test_wins_and_losses_are_shown_with_pictures_and_both_ecrs() -> None:
    made = page((made_up.example("loss"), made_up.example("win")))
    wins, losses = made.text.split("Losses")[-2:]
    assert "TTE + ECRR 0.00 → TTE + QAR + ECRR 1.00" in wins
    assert "TTE + ECRR 1.00 → TTE + QAR + ECRR 0.00" in losses
    cards = made.of("div", "hit")
    first = cards[0]
    assert first.text.startswith("3 → 1 ✓ right retriever 0.910 judge 0.970 scene-0 ECR main red")
    assert "rewritten for the query" in first.text
    assert [one.text for one in made.of("mark")][:2] == [
        "the left",
        "circles, the left one striped",
    ]
    assert "not judged" in cards[3].text
    assert len([one for one in made.of("img") if one.attributes["src"] == DOT]) == 8


def test_without_examples_the_page_says_so() -> None:
    assert page().text.count("none") >= 2


@pytest.mark.parametrize(
    "missing",
    ["sweep", "policies", "groups", "top", "warnings", "steps", "models", "files", "notes",
     "split", "folder", "seconds", "items"],
)  # fmt: skip
def test_a_part_that_was_not_measured_is_left_out(missing: str) -> None:
    results = made_up.results()
    del results[missing]
    made = Page(evaluate_report(results, [], picture=picture))
    assert_self_contained(made)
    assert "What tokens buy" in made.text
    assert len(figures(made)) == (1 if missing == "policies" else 2)


def test_one_system_without_intervals_latency_or_index_is_enough() -> None:
    bare: dict[str, Any] = {"low": None, "high": None, "n": 1}
    system = made_up.system("direct") | {
        "quality": {"value": 0.5} | bare, "tokens_per_query": {"value": 0.0} | bare,
        "parameters": 0,
    }  # fmt: skip
    del system["latency_s"]
    task = made_up.task("close-up") | {"values": {"direct": {"value": 0.5} | bare}}
    results = {"benchmark": "b", "queries": 1, "systems": [system], "tasks": [task]}
    made = Page(evaluate_report(results, [], picture=picture))
    assert_self_contained(made)
    assert table_rows(made, "parameters")[1][1] == "0.500"
    assert "unknown" in table_rows(made, "parameters")[1]
    assert "not measured" in made.text


def test_a_task_that_a_system_was_not_run_on_has_an_empty_cell() -> None:
    task = made_up.task("close-up")
    del task["values"]["mm_ranker"]
    assert table_rows(page(tasks=[task]), "task")[2][-1] == "–"


def test_a_failed_run_says_so() -> None:
    made = page(exit_code=7, message="too many queries were rejected")
    assert "too many queries were rejected (exit code 7)" in made.of("div", "alarm")[0].text


def test_hostile_words_are_shown_and_run_nowhere() -> None:
    results = made_hostile(made_up.results(), FORM)
    item = Item(item_id="i" + HOSTILE, text=HOSTILE, image_uris=("a",))
    candidate = ShownCandidate(item=item, ecr=f"<think>{HOSTILE}</think>{HOSTILE}", now=1,
                               rewrite=f"<think>new {HOSTILE}</think>{HOSTILE}",
                               retriever_score=0.1)  # fmt: skip
    shown = ShownQuery(query=item, instruction=HOSTILE, ecr=HOSTILE, step=HOSTILE,
                       candidates=(candidate,))  # fmt: skip
    example = made_up.example("win", task=HOSTILE, before_system=HOSTILE, shown=shown)
    html = evaluate_report(results, [example], picture=lambda item: f"{DOT}{HOSTILE}")
    made = Page(html)
    assert_self_contained(made)
    assert "<script" not in html
    assert not re.search(r"<[^>]*onerror", re.sub(r'"[^"]*"', '""', html)), "in no open tag"
    shown_as = " ".join(HOSTILE.split())
    assert made.text.count(shown_as) > 100
    assert f"TTE{shown_as}" in made.text
