"""How long a query took, by stage.

The mean is the working time of a phase over its queries, many in flight. The median and the 95th
percentile are of what single queries waited for their judgements and rewrites among the others.

A run that finds everything done has no times, so that those of the run which did the work are kept
in a file beside the reports of the jobs. A judge that starts with its first request is in them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tte2_ray.pipelines.evaluate.systems import System
from tte2_ray.pipelines.outcome import write_whole

_STAGES: Final[Mapping[str, str]] = {
    "reason": "query_ecr",
    "embed": "query_embedding",
    "rerank": "rerank",
}
"""Of results, by phase of the job."""
_MADE: Final = ("query_ecr", "query_embedding")


class Took:
    """The times of runs, by their folder.

    Args:
        file: that keeps them; made with the first.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        known = json.loads(file.read_text()) if file.is_file() else {}
        self._runs: dict[str, dict[str, Any]] = known

    def record(self, run: str, results: Mapping[str, Any]) -> None:
        """Keeps what a job tells of its phases, if it did them whole.

        Args:
            run: folder of the run.
            results: results.json of the job.
        """
        done = [phase for phase in results["phases"] if phase["rows"] and not phase["reused"]]
        known = self._runs.setdefault(run, {"seconds": {}, "queries": {}, "kept": 0})
        for phase in done:
            if stage := _STAGES.get(phase["name"]):
                known["seconds"][stage] = phase["working_s"]
                known["queries"][stage] = phase["rows"]
        if any(phase["name"] == "rerank" for phase in done):
            known["kept"] = results["kept"]["judgements"] + results["kept"]["rewrites"]
        write_whole(self._file, json.dumps(self._runs, indent=1))

    def of(self, runs: tuple[str, ...]) -> "Taken":
        """What the queries of one system took.

        Args:
            runs: a corpus each; a stage that one of them does not tell is left out.
        """
        found = [self._runs.get(run, {"seconds": {}, "queries": {}, "kept": 0}) for run in runs]
        told = {
            stage: sum(run["seconds"][stage] for run in found)
            / sum(run["queries"][stage] for run in found)
            for stage in _STAGES.values()
            if found and all(stage in run["seconds"] for run in found)
        }
        return Taken(seconds=told, kept=any(run["kept"] for run in found))


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What the mean query of a system took in its own run."""

    seconds: Mapping[str, float]
    """By stage; those that an earlier run had done are absent."""
    kept: bool
    """Whether answers of an earlier run saved some."""


def latencies(
    systems: Mapping[str, System],
    taken: Mapping[str, Taken],
    waited: Mapping[str, Mapping[str, Sequence[float]]],
) -> dict[str, dict[str, dict[str, float | None]]]:
    """What results.json says of each system.

    A query's ECR and its vector are made once for all systems that use them. Where a system that
    rewrites found the judgements of the one before it kept, those took what they took there.

    Args:
        systems: that were run.
        taken: of each.
        waited: seconds of queries by system and stage, judge and rewrite, where nothing was kept.
    """
    shared: dict[str, float] = {}
    for name, system in systems.items():
        if not system.direct:
            made = taken[name].seconds
            shared |= {stage: made[stage] for stage in _MADE if stage in made}
    return {
        name: {
            stage: {"mean": mean, **_spread(waited.get(name, {}).get(stage)
                                            or waited.get(system.after, {}).get(stage) or ())}
            for stage, mean in _stages(system, taken, shared).items()
        }
        for name, system in systems.items()
    }  # fmt: skip


def _spread(seconds: Sequence[float]) -> dict[str, float | None]:
    if not seconds:
        return {"p50": None, "p95": None}
    ordered = sorted(seconds)
    return {f"p{q}": ordered[(len(ordered) - 1) * q // 100] for q in (50, 95)}


def _stages(
    system: System, taken: Mapping[str, Taken], shared: Mapping[str, float]
) -> dict[str, float]:
    own = taken[system.name]
    stages = dict(shared)
    if system.direct:
        stages = {s: own.seconds[s] for s in ("query_embedding",) if s in own.seconds}
    if "rerank" not in own.seconds:
        return stages
    seconds = own.seconds["rerank"]
    if not system.judges:
        return stages | {"retrieve": seconds}
    if not own.kept:
        return stages | {"rerank" if system.rewrites else "judge": seconds}
    before = taken.get(system.after)
    if system.rewrites and before and not before.kept and "rerank" in before.seconds:
        return stages | {"judge": before.seconds["rerank"], "rewrite": seconds}
    return stages
