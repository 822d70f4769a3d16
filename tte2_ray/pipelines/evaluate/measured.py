"""What a run is worth and what it cost, query by query.

    run.trec ─ measure of the task ─▶ values ┐
    ledger   ─ stage × kind ───────▶ tokens  ┴▶ means with intervals

Letters: Q queries of all tasks, in the order of the benchmark; S stages; K kinds of tokens.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tte2_ray.cascade.ledger import RERANKING, STAGES
from tte2_ray.errors import ValidationError
from tte2_ray.metrics import Estimate, mean_of_means, per_query
from tte2_ray.pipelines.evaluate.benchmark import Benchmark, Task

if TYPE_CHECKING:
    import numpy as np

    Values = np.ndarray[Any, np.dtype[np.float64]]

KINDS: Final = ("prompt_text", "prompt_visual", "output", "cached")
"""Of tokens; the last is a part of the first two."""
TOP1, TOP10 = "Success@1", "Success@10"
ByTask = Mapping[str, "Values"]
"""A value a query, in the order of `Task.ids`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """One system under one budget."""

    system: str
    budget: int | None = None
    """Tokens, of a sweep; None otherwise."""
    values: ByTask
    """Of the task's own measure."""
    top1: ByTask
    """Whether the first item answers, whatever its grade."""
    top10: ByTask
    tokens_QSK: "np.ndarray[Any, np.dtype[np.int64]]"
    steps: Mapping[str, int] = field(default_factory=dict)
    """Queries by the step of the ladder on which they ended."""

    @property
    def quality(self) -> Estimate:
        """The mean over tasks of the mean over queries."""
        return mean_of_means(list(self.values.values()))

    @property
    def tokens(self) -> Estimate:
        """The mean over queries of all that was spent online."""
        return mean_of_means([self._spent_by_query(range(len(STAGES)))])

    @property
    def reranking_tokens(self) -> Estimate:
        """The mean over queries of what a budget bounds."""
        return mean_of_means([self._spent_by_query([STAGES.index(stage) for stage in RERANKING])])

    def mean_spent(self) -> dict[str, dict[str, float]]:
        """Tokens of the mean query by stage and kind."""
        means_SK = self.tokens_QSK.mean(axis=0)
        return {
            stage: {kind: float(means_SK[s, k]) for k, kind in enumerate(KINDS)}
            for s, stage in enumerate(STAGES)
        }

    def _spent_by_query(self, stages: Iterable[int]) -> "Values":
        read_and_written = [KINDS.index(kind) for kind in KINDS if kind != "cached"]
        chosen = self.tokens_QSK[:, list(stages)][:, :, read_and_written]
        total_Q: Values = chosen.sum(axis=(1, 2)).astype(float)
        return total_Q


def measure(
    benchmark: Benchmark,
    system: str,
    orders: Mapping[str, Sequence[str]],
    ledger: Iterable[Mapping[str, Any]],
    *,
    budget: int | None = None,
    steps: Mapping[str, int] | None = None,
    rejected: int = 0,
) -> Measured:
    """Measures a run over all queries of a benchmark.

    Args:
        benchmark: queries and grades.
        system: that made the run.
        orders: item ids by query id, best first.
        ledger: rows of query, stage and kinds.
        budget: tokens, of a sweep.
        steps: queries by step.
        rejected: queries that the run rejected and told of; they found nothing, and count.

    Raises:
        ValidationError: more queries are missing in run and ledger: they were lost.
    """
    spent = _spent(benchmark, ledger)
    lost = [name for task in benchmark.tasks for name in task.ids
            if name not in orders and name not in spent]  # fmt: skip
    if len(lost) > rejected:
        raise ValidationError(f"system {system}: {len(lost)} queries are in neither run nor "
                              f"ledger, {lost[0]} among them, but {rejected} were rejected; run "
                              "it again")  # fmt: skip
    values: dict[str, Values] = {}
    top1: dict[str, Values] = {}
    top10: dict[str, Values] = {}
    for task in benchmark.tasks:
        found = _of_task(task, orders)
        values[task.name], top1[task.name], top10[task.name] = found
    return Measured(system=system, budget=budget, values=values, top1=top1, top10=top10,
                    tokens_QSK=_tokens(benchmark, spent), steps=dict(steps or {}))  # fmt: skip


def _of_task(
    task: Task, orders: Mapping[str, Sequence[str]]
) -> tuple["Values", "Values", "Values"]:
    import numpy as np

    found = per_query({task.measure, TOP1, TOP10}, task.qrels, orders)
    own, first, ten = (
        np.array([found[name][query] for query in task.ids]) for name in (task.measure, TOP1, TOP10)
    )
    return own, first, ten


Spent = Mapping[str, Mapping[str, Sequence[int]]]
"""Tokens by query, stage and, in their order, kind."""


def _spent(benchmark: Benchmark, ledger: Iterable[Mapping[str, Any]]) -> Spent:
    known = {name for task in benchmark.tasks for name in task.ids}
    spent: dict[str, dict[str, list[int]]] = {}
    for row in ledger:
        if row["query_id"] in known:
            kinds = [int(row[kind]) for kind in KINDS]
            spent.setdefault(row["query_id"], {})[row["stage"]] = kinds
    return spent


def _tokens(benchmark: Benchmark, spent: Spent) -> "np.ndarray[Any, np.dtype[np.int64]]":
    import numpy as np

    nothing = [0] * len(KINDS)
    return np.array(
        [
            [spent.get(name, {}).get(stage, nothing) for stage in STAGES]
            for task in benchmark.tasks
            for name in task.ids
        ],
        dtype=np.int64,
    )
