"""What is asked of the evaluation, as rows of its table: read from the job's results.json.

What was not measured has a row, too, and does not hold.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tools.shown import Row
from tte2_ray.pipelines.evaluate.systems import FULL, PAIRS, SYSTEMS

LEAST_QUERIES: Final = 1000
MOST_OF_MM: Final = 0.2
LEAST_SAVED: Final = 0.25
MOST_BELOW: Final = 0.02
"""How far below the fixed numbers the interval of a policy of equal quality may reach."""
MOST_MINUTES: Final = 20
MM: Final = "mm_ranker"
CALIBRATED: Final = "calibrated"
Results = Mapping[str, Any]


def rows(results: Results, seconds: float) -> list[Row]:
    """One row for each number that is asked for, and some that explain them.

    Args:
        results: of `jobs/evaluate.py`.
        seconds: that the whole target took.
    """
    queries = results["queries"]
    return [
        Row(name="queries", value=queries, unit="queries", target=f">= {LEAST_QUERIES}",
            holds=queries >= LEAST_QUERIES, n=queries),
        *(_quality(system) for system in results["systems"]),
        *_steps(results),
        *_beside_mm(results),
        _sweep(results),
        *_policies(results),
        Row(name="all", value=seconds / 60, unit="minutes", target=f"< {MOST_MINUTES}",
            holds=seconds < 60 * MOST_MINUTES),
    ]  # fmt: skip


def _quality(system: Mapping[str, Any]) -> Row:
    found = system["quality"]
    return Row.stated(f"{system['label']}: quality", found["value"], "score", found["n"],
                      found["low"], found["high"])  # fmt: skip


def _not_measured(name: str, why: str) -> Row:
    return Row(name=name, value=0.0, unit="", target=f"not measured: {why}", holds=False, n=0)


def _steps(results: Results) -> Iterator[Row]:
    steps = {(step["before"], step["after"]): step["difference"] for step in results["steps"]}
    for before, after in PAIRS:
        name, reached = f"{SYSTEMS[after].label} minus {SYSTEMS[before].label}", before == MM
        found = steps.get((before, after))
        if found is None:
            yield _not_measured(name, "a system was left out")
            continue
        yield Row(
            name=name,
            value=found["value"],
            unit="score",
            target=">= 0" if reached else "interval above 0",
            holds=found["value"] >= 0 if reached else (found["low"] or 0.0) > 0,
            n=found["n"],
            low=found["low"],
            high=found["high"],
        )


def _beside_mm(results: Results) -> Iterator[Row]:
    """The full cascade's tokens beside the MM Ranker's: all that a query costs online, its own ECR
    and vector included, which both need."""
    systems = {system["name"]: system for system in results["systems"]}
    ratio = "full cascade / MM Ranker"
    if not {FULL, MM} <= systems.keys():
        yield _not_measured(f"{ratio}: tokens", "a system was left out")
        return
    for kind, words in (("tokens_per_query", "tokens"),
                        ("reranking_tokens_per_query", "of these reranking")):  # fmt: skip
        spent, most = (systems[name][kind]["value"] for name in (FULL, MM))
        asked = kind == "tokens_per_query"
        for label, value in (("full cascade", spent), ("MM Ranker", most)):
            yield Row.stated(f"{label}: {words}", value, "tokens", results["queries"])
        yield Row(name=f"{ratio}: {words}", value=spent / most if most else 0.0, unit="ratio",
                  target=f"<= {MOST_OF_MM}" if asked else "",
                  holds=not asked or 0 < spent <= MOST_OF_MM * most,
                  n=results["queries"])  # fmt: skip


def _sweep(results: Results) -> Row:
    """The change for the worse that is clearest, of a budget against the best below it."""
    found = [(point["budget"], point["change"]) for point in results["sweep"] if point["change"]]
    if not found:
        return _not_measured("worst change between budgets", "there was no sweep")
    budget, worst = min(found, key=lambda pair: (pair[1]["high"] or 0.0, pair[1]["value"]))
    return Row(name=f"worst change between budgets, at {budget:,} tokens", value=worst["value"],
               unit="score", target="interval not below 0", holds=(worst["high"] or 0.0) >= 0,
               n=worst["n"], low=worst["low"], high=worst["high"])  # fmt: skip


def _policies(results: Results) -> Iterator[Row]:
    """The calibrated policy beside the fixed numbers: the best, and the cheapest as good as it."""
    by_name = {each["name"]: each for each in results["policies"]}
    policy = by_name.pop(CALIBRATED, None)
    if policy is None or not by_name:
        yield _not_measured("policy: tokens saved", "no policy; `make policy` makes one")
        return
    best = max(by_name.values(), key=lambda each: each["quality"]["value"])
    found = policy["difference"]
    yield Row(name=f"policy minus {best['name']}: quality", value=found["value"], unit="score",
              target=f"interval above -{MOST_BELOW}", holds=(found["low"] or 0.0) > -MOST_BELOW,
              n=found["n"], low=found["low"], high=found["high"])  # fmt: skip
    as_good = [each for each in by_name.values()
               if each["quality"]["value"] >= policy["quality"]["value"]] or [best]  # fmt: skip
    least = min(as_good, key=_reranking)
    spent, most = _reranking(policy), _reranking(least)
    saved = 1 - spent / most if most else 0.0
    yield Row.stated(f"{least['name']}: reranking", most, "tokens", results["queries"])
    yield Row(name=f"policy: tokens saved beside {least['name']}", value=saved, unit="share",
              target=f">= {LEAST_SAVED}", holds=saved >= LEAST_SAVED, n=found["n"])  # fmt: skip


def _reranking(each: Mapping[str, Any]) -> float:
    return float(each["reranking_tokens_per_query"]["value"])
