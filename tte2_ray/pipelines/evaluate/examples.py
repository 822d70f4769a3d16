"""Queries on which a stage won or lost, with what stood where before and after it."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tte2_ray.cascade import Query
from tte2_ray.pipelines.evaluate.benchmark import Benchmark, Task
from tte2_ray.pipelines.evaluate.measured import Measured
from tte2_ray.pipelines.evaluate.report import Example
from tte2_ray.pipelines.evaluate.run_reader import Row, RunReader
from tte2_ray.pipelines.page.shown import Mark, ShownCandidate, ShownQuery
from tte2_ray.schema import Item

Corpus = Callable[[Sequence[str]], Mapping[str, Mapping[str, Any]]]
"""Items of a corpus by id: `item`, an `Item` with its media, and `ecr`, as the index holds it."""
SHOWN = 4
"""Candidates of an example: the first of the final order, and what stood first before."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """A system with what it left of its run."""

    measured: Measured
    files: Mapping[str, RunReader]
    """By corpus."""


def examples(
    benchmark: Benchmark, before: Side, after: Side, corpora: Mapping[str, Corpus], most: int
) -> list[Example]:
    """Wins and losses of a stage, the clearest first, tasks in turn.

    Args:
        benchmark: queries and grades.
        before: the system without the stage.
        after: the system with it.
        corpora: items, by name of their corpus.
        most: wins, and as many losses.
    """
    found: list[Example] = []
    for kind in ("win", "loss"):
        picked = _picked(benchmark, before.measured, after.measured, kind, most)
        for task in benchmark.tasks:
            numbers = [number for name, number in picked if name == task.name]
            if numbers:
                found += _of_task(task, numbers, kind, before, after, corpora[task.corpus])
    return found


def _picked(
    benchmark: Benchmark, before: Measured, after: Measured, kind: str, most: int
) -> list[tuple[str, int]]:
    """Task and number of queries: one of each task, then a second one of each, ...."""
    sign = 1.0 if kind == "win" else -1.0
    by_task = []
    for task in benchmark.tasks:
        gain_Q = sign * (after.values[task.name] - before.values[task.name])
        order = sorted(range(len(gain_Q)), key=lambda q: (-gain_Q[q], q))
        by_task.append([(task.name, q) for q in order[:most] if gain_Q[q] > 0])
    rounds = [group[n] for n in range(most) for group in by_task if n < len(group)]
    return rounds[:most]


def _of_task(
    task: Task,
    numbers: Sequence[int],
    kind: Literal["win", "loss"],
    before: Side,
    after: Side,
    corpus: Corpus,
) -> Iterator[Example]:
    ids = [task.ids[number] for number in numbers]
    earlier = before.files[task.corpus].judgements(ids)
    later = after.files[task.corpus].judgements(ids)
    rows = [row for query in ids for row in _shown_rows(earlier[query], later[query])]
    items = corpus([row["item_id"] for row in rows])
    for number, query_id in zip(numbers, ids, strict=True):
        outcome = after.files[task.corpus].queries[query_id]
        yield Example(
            kind=kind,
            task=task.name,
            before_system=before.measured.system,
            after_system=after.measured.system,
            value_before=float(before.measured.values[task.name][number]),
            value_after=float(after.measured.values[task.name][number]),
            shown=_shown(task.queries[number], outcome, earlier[query_id], later[query_id],
                         task.qrels[query_id], items),
        )  # fmt: skip


def _shown(
    query: Query,
    outcome: Row,
    earlier: Sequence[Row],
    later: Sequence[Row],
    grades: Mapping[str, int],
    items: Mapping[str, Mapping[str, Any]],
) -> ShownQuery:
    was = {row["item_id"]: row["place"] for row in earlier}
    now = {row["item_id"]: row["place"] for row in later}
    candidates = tuple(
        ShownCandidate(
            item=items.get(row["item_id"], {}).get("item") or Item(item_id=row["item_id"]),
            ecr=items.get(row["item_id"], {}).get("ecr", ""),
            rewrite=row["rewrite"],
            was=was.get(row["item_id"], 0),
            now=now.get(row["item_id"], 0),
            retriever_score=row["retriever_score"],
            judge_score=None if math.isnan(row["score"]) else row["score"],
            mark=mark(grades, row["item_id"]),
        )
        for row in _shown_rows(earlier, later)
    )
    return ShownQuery(query=query.given, instruction=query.instruction, ecr=outcome["ecr"],
                      step=outcome["step"], spent=outcome["spent"],
                      allowed=None if outcome["allowed"] < 0 else outcome["allowed"],
                      candidates=candidates)  # fmt: skip


def mark(grades: Mapping[str, int], item_id: str) -> Mark:
    """What the qrels say of an item.

    >>> mark({"a": 2, "b": 1}, "a"), mark({"a": 2, "b": 1}, "b"), mark({"a": 2}, "c")
    ('right', 'near', 'wrong')
    """
    grade = grades.get(item_id, 0)
    if grade <= 0:
        return "wrong"
    return "right" if grade == max(grades.values()) else "near"


def _shown_rows(earlier: Sequence[Row], later: Sequence[Row]) -> list[Row]:
    """The first of the final order, then what led before, if that is none of them."""
    first = list(later[: SHOWN - 1])
    known = {row["item_id"] for row in first}
    led = [row["item_id"] for row in earlier[:1]]
    first += [row for row in later if row["item_id"] in led and row["item_id"] not in known]
    return first
