"""What is asked of the evaluation, as rows of its table: read from the job's results.json."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tools.shown import Row

LEAST_QUERIES: Final = 1000
MOST_OF_MM: Final = 0.2
LEAST_SAVED: Final = 0.25
MOST_MINUTES: Final = 20
FULL: Final = "tte_qar_ecrr"
MM: Final = "mm_ranker"
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
        *_sweep(results),
        *_policies(results),
        Row(name="all", value=seconds / 60, unit="minutes", target=f"< {MOST_MINUTES}",
            holds=seconds < 60 * MOST_MINUTES),
    ]  # fmt: skip


def _quality(system: Mapping[str, Any]) -> Row:
    found = system["quality"]
    return Row.stated(f"{system['label']}: quality", found["value"], "score", found["n"],
                      found["low"], found["high"])  # fmt: skip


def _steps(results: Results) -> Iterator[Row]:
    labels = {system["name"]: system["label"] for system in results["systems"]}
    for step in results["steps"]:
        found = step["difference"]
        name = f"{labels[step['after']]} minus {labels[step['before']]}"
        reached = step["before"] == MM
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
    systems = {system["name"]: system for system in results["systems"]}
    if not {FULL, MM} <= systems.keys():
        return
    both = [systems[FULL], systems[MM]]
    spent, most = (each["reranking_tokens_per_query"]["value"] for each in both)
    yield Row.stated("full cascade: reranking", spent, "tokens", results["queries"])
    yield Row.stated("MM Ranker: reranking", most, "tokens", results["queries"])
    yield Row(name="full cascade / MM Ranker: reranking", value=spent / most, unit="ratio",
              target=f"<= {MOST_OF_MM}", holds=spent <= MOST_OF_MM * most,
              n=results["queries"])  # fmt: skip
    spent, most = (each["tokens_per_query"]["value"] for each in both)
    yield Row.stated("the same with the query's own ECR and vector", spent / most, "ratio",
                     results["queries"])  # fmt: skip


def _sweep(results: Results) -> Iterator[Row]:
    """The worst change of quality from one budget to the next."""
    changes = [(point["budget"], point["change"]) for point in results["sweep"] if point["change"]]
    if not changes:
        return
    budget, worst = min(changes, key=lambda pair: pair[1]["value"])
    low, high = worst["low"], worst["high"]
    yield Row(name=f"worst change between budgets, at {budget:,} tokens", value=worst["value"],
              unit="score", target="interval not below 0", holds=(high or 0.0) >= 0, n=worst["n"],
              low=low, high=high)  # fmt: skip


def _policies(results: Results) -> Iterator[Row]:
    """The calibrated policy beside the best fixed numbers."""
    calibrated = [each for each in results["policies"] if each["difference"] is not None]
    fixed = [each for each in results["policies"] if each["difference"] is None]
    if len(calibrated) != 1 or not fixed:
        return
    (policy,), best = calibrated, fixed[0]
    found = policy["difference"]
    yield Row(name=f"policy minus {best['name']}: quality", value=found["value"], unit="score",
              target="interval not below 0", holds=(found["high"] or 0.0) >= 0, n=found["n"],
              low=found["low"], high=found["high"])  # fmt: skip
    spent, fixed_spent = (each["reranking_tokens_per_query"]["value"] for each in (policy, best))
    saved = 1 - spent / fixed_spent if fixed_spent else 0.0
    yield Row(name=f"policy: tokens saved beside {best['name']}", value=saved, unit="share",
              target=f">= {LEAST_SAVED}", holds=saved >= LEAST_SAVED, n=found["n"])  # fmt: skip
