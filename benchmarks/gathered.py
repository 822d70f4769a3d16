"""What the rerank job left of a log, read as the job reads it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from benchmarks.logs import PlannedLog
from tte2_ray.artifacts.shards import Shard, read_shard
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.pipelines.rerank.job import phases_of
from tte2_ray.pipelines.rerank.outputs import gather
from tte2_ray.pipelines.rerank.target import Job
from tte2_ray.stages.answer_tables import read_answers
from tte2_ray.stages.ready import QueryReader, Ready
from tte2_ray.stages.rerank import RerankWork

_KINDS = ("prompt_text", "prompt_visual", "output")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of a log that was reranked."""

    rows: int
    distinct: int
    tokens: int
    """Of all stages."""
    driver_s: float
    """Seconds of planning and gathering."""

    @classmethod
    def of(cls, logs: Sequence[PlannedLog], folder: Path) -> "Cost":
        """Gathers logs whose phases are done, and which share no query.

        Args:
            logs: as they were planned.
            folder: of the benchmark.

        Raises:
            ValueError: a query was not answered in full: its cost would count for less.
        """
        costs = [cls._of(log, folder) for log in logs]
        return cls(**{f.name: sum(getattr(each, f.name) for each in costs) for f in fields(cls)})

    @classmethod
    def _of(cls, log: PlannedLog, folder: Path) -> "Cost":
        run = folder / f"run-{log.job.config.log.name}"
        run.mkdir()
        began = time.perf_counter()
        found = gather(log.job, run)
        seconds = time.perf_counter() - began
        if found.as_dict()["answered"] != log.rows:
            raise ValueError(f"{log.rows} queries in, but {found.as_dict()} ({dict(found.notes)})")
        tokens = sum(kinds[kind] for kinds in found.spent.values() for kind in _KINDS)
        return cls(rows=log.rows, distinct=log.distinct, tokens=tokens,
                   driver_s=log.plan_s + seconds)  # fmt: skip


def committed_first(log: PlannedLog) -> dict[str, str]:
    """The candidate that came to stand first, by distinct query."""
    return {
        row["query_id"]: row["item_id"]
        for shard in log.shards
        for row in read_answers(log.job.store, log.job.prefix, shard).judgements
        if row["place"] == 1
    }


def ready_of(job: Job, shards: Sequence[Shard]) -> list[Ready]:
    """Queries with what is found for them, once they are embedded.

    Raises:
        ValueError: one of them was refused.
    """
    work = phases_of(job)[-1].work
    assert isinstance(work, RerankWork)
    reader = QueryReader(job.store, Searcher(work.sources.milvus), work.sources)
    found = [each for s in shards for each in reader.read(s, list(read_shard(job.store, s)))]
    ready = [each for each in found if isinstance(each, Ready)]
    if len(ready) != len(found):
        raise ValueError(f"{len(found) - len(ready)} of {len(found)} queries were refused")
    return ready
