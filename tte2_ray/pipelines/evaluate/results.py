"""results.json of an evaluation: everything that the page shows, and the make target asks about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tte2_ray.metrics import Estimate, difference
from tte2_ray.pipelines.evaluate.benchmark import Benchmark
from tte2_ray.pipelines.evaluate.compare import Comparison, changes, stages
from tte2_ray.pipelines.evaluate.measured import Measured
from tte2_ray.pipelines.evaluate.systems import FULL, PAIRS, STAGES, System
from tte2_ray.pipelines.evaluate.table import estimate, group_rows, task_rows, top_rows

FILES: Mapping[str, str] = {
    "table": "table.csv",
    "per_query": "per-query.parquet",
    "figure": "figure.csv",
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is known of a system beside its measures."""

    system: System
    parameters: int
    """Of the models at work online; 0 where that is not known."""
    budget: Mapping[str, Any]
    """`kind` and `tokens`."""
    runs: tuple[str, ...]
    """Folders in the store, one a corpus."""
    latency_s: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    offline_ecr: Mapping[str, float] = field(default_factory=dict)
    """Tokens of the index a query, amortised."""


@dataclass(frozen=True, kw_only=True)
class Policed:
    """The cascade under fixed numbers, or under a policy."""

    name: str
    measured: Measured
    fixed: bool


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """A whole evaluation."""

    benchmark: Benchmark
    items: int
    measured: Mapping[str, Measured]
    """By system, in the order of the stages."""
    told: Mapping[str, Told]
    sweep: Sequence[Measured] = ()
    """The whole cascade, by rising budget."""
    sweep_kind: str = "tokens_per_query"
    policies: Sequence[Policed] = ()
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By role."""

    def stages(self) -> tuple[list[Comparison], list[Comparison]]:
        """Each stage against the one before; and where the later one is worse."""
        means, _ = stages(self.measured, PAIRS)
        # The cascade may well be worse than what looks at everything: that is no stage before it.
        return means, stages(self.measured, STAGES)[1]

    def as_json(self, seconds: float) -> dict[str, Any]:
        """results.json, but for how the run ended.

        Args:
            seconds: wall time of this run.
        """
        means, worse = self.stages()
        return {
            "benchmark": self.benchmark.name,
            "split": self.benchmark.split,
            "folder": self.benchmark.folder,
            "queries": sum(len(task.queries) for task in self.benchmark.tasks),
            "items": self.items,
            "seconds": seconds,
            "models": {role: dict(model) for role, model in self.models.items()},
            "systems": [self._system(name, one) for name, one in self.measured.items()],
            "sweep": self._sweep(),
            "policies": list(self._policies()),
            "tasks": task_rows(self.benchmark, self.measured),
            "groups": group_rows(self.benchmark, self.measured),
            "top": top_rows(self.benchmark, self.measured),
            "steps": [_step(one) for one in means],
            "warnings": [_warning(one) for one in worse],
            "files": dict(FILES),
        }

    def _system(self, name: str, one: Measured) -> dict[str, Any]:
        told = self.told[name]
        return {
            "name": name,
            "label": told.system.label,
            "after": told.system.after,
            "parameters": told.parameters,
            **_costs(one),
            "spent": one.mean_spent(),
            "offline_ecr": dict(told.offline_ecr),
            "latency_s": {stage: dict(took) for stage, took in told.latency_s.items()},
            "steps": dict(one.steps),
            "budget": dict(told.budget),
            "runs": list(told.runs),
        }

    def _sweep(self) -> list[dict[str, Any]]:
        gained = changes(self.sweep) if self.sweep else []
        return [
            {
                "system": FULL,
                "budget": one.budget,
                "kind": self.sweep_kind,
                **_costs(one),
                "steps": dict(one.steps),
                "change": None if change is None else estimate(change),
            }
            for one, change in zip(self.sweep, gained, strict=True)
        ]

    def _policies(self) -> Iterable[dict[str, Any]]:
        best = max((p for p in self.policies if p.fixed), default=None,
                   key=lambda p: p.measured.quality.value)  # fmt: skip
        for each in self.policies:
            against: Estimate | None = None
            if best is not None and each is not best:
                against = difference(each.measured.values, best.measured.values)
            yield {
                "name": each.name,
                **_costs(each.measured),
                "difference": None if against is None else estimate(against),
            }


def _costs(one: Measured) -> dict[str, Any]:
    return {
        "quality": estimate(one.quality),
        "tokens_per_query": estimate(one.tokens),
        "reranking_tokens_per_query": estimate(one.reranking_tokens),
    }


def _step(one: Comparison) -> dict[str, Any]:
    return {
        "before": one.before,
        "after": one.after,
        "difference": estimate(one.difference),
        "queries": one.difference.n,
    }


def _warning(one: Comparison) -> dict[str, Any]:
    return {
        "task": one.scope,
        "before": one.before,
        "after": one.after,
        "difference": estimate(one.difference),
        "clear": one.difference.high < 0,
    }
