"""The table of `make evaluate` holds what results.json says, and fails where a claim fails."""

import copy
from typing import Any

import pytest

from tests.pipelines.evaluate.made_up import estimate, results
from tools.evaluation.rows import rows
from tte2_ray.pipelines.evaluate.systems import PAIRS


@pytest.fixture
def found() -> dict[str, Any]:
    """A made-up evaluation in which every claim holds."""
    made = copy.deepcopy(results())
    made["steps"] = [{"before": before, "after": after, "difference": estimate(0.05),
                      "queries": 1080} for before, after in PAIRS]  # fmt: skip
    for point in made["sweep"][1:]:
        point["change"] = estimate(0.001)
    made["policies"] = [
        {"name": "fixed n=10 m=3", "difference": None, "quality": estimate(0.8),
         "tokens_per_query": estimate(1100), "reranking_tokens_per_query": estimate(1000)},
        {"name": "calibrated", "difference": estimate(0.0, half=0.01), "quality": estimate(0.8),
         "tokens_per_query": estimate(800), "reranking_tokens_per_query": estimate(700)},
    ]  # fmt: skip
    return made


def failing(found: dict[str, Any], seconds: float = 60.0) -> list[str]:
    return [row.name for row in rows(found, seconds) if not row.holds]


def test_nothing_fails_where_every_claim_holds(found: dict[str, Any]) -> None:
    assert failing(found) == []
    names = [row.name for row in rows(found, 60.0)]
    assert len(set(names)) == len(names)


def test_a_step_whose_interval_reaches_zero_fails(found: dict[str, Any]) -> None:
    found["steps"][0]["difference"] = estimate(0.01, half=0.02)
    assert failing(found) == ["TTE minus direct embedding"]


def test_the_cascade_must_reach_the_mm_ranker_for_a_fifth_of_its_tokens(
    found: dict[str, Any],
) -> None:
    systems = {system["name"]: system for system in found["systems"]}
    most = systems["mm_ranker"]["tokens_per_query"]["value"]
    systems["tte_qar_ecrr"]["tokens_per_query"] = estimate(0.3 * most)
    for step in found["steps"]:
        if step["before"] == "mm_ranker":
            step["difference"] = estimate(-0.01)
    assert failing(found) == ["TTE + QAR + ECRR minus MM Ranker",
                              "full cascade / MM Ranker: tokens"]  # fmt: skip


def test_a_budget_that_is_clearly_worse_fails(found: dict[str, Any]) -> None:
    found["sweep"][3]["change"] = estimate(-0.05)
    (name,) = failing(found)
    assert f"at {found['sweep'][3]['budget']:,} tokens" in name


def test_every_change_of_the_sweep_is_held_to_its_interval(found: dict[str, Any]) -> None:
    found["sweep"][2]["change"] = estimate(-0.05, half=0.06)  # a larger loss that may be chance
    found["sweep"][4]["change"] = estimate(-0.02, half=0.01)
    (name,) = failing(found)
    assert f"at {found['sweep'][4]['budget']:,} tokens" in name


def test_what_was_not_measured_does_not_hold(found: dict[str, Any]) -> None:
    bare = found | {"systems": [], "steps": [], "sweep": [], "policies": []}
    told = failing(bare)
    assert len(told) == len(PAIRS) + 3
    assert {"full cascade / MM Ranker: tokens", "policy: tokens saved"} <= set(told)


def test_a_policy_is_held_against_the_cheapest_numbers_that_are_as_good(
    found: dict[str, Any],
) -> None:
    found["policies"].insert(0, {**found["policies"][0], "name": "fixed n=3 m=1",
                                 "reranking_tokens_per_query": estimate(800)})  # fmt: skip
    assert failing(found) == ["policy: tokens saved beside fixed n=3 m=1"]


def test_a_policy_that_saves_too_little_or_is_worse_fails(found: dict[str, Any]) -> None:
    found["policies"][1]["reranking_tokens_per_query"] = estimate(900)
    found["policies"][1]["difference"] = estimate(-0.05)
    assert failing(found) == ["policy minus fixed n=10 m=3: quality",
                              "policy: tokens saved beside fixed n=10 m=3"]  # fmt: skip


def test_too_few_queries_and_too_much_time_fail(found: dict[str, Any]) -> None:
    found["queries"] = 999
    assert failing(found, seconds=1201.0) == ["queries", "all"]
