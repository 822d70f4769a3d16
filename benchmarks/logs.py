"""Two logs of one length, planned as the job plans them: one never repeats itself, one does.

Queries of both are of the generated world, of all its tasks, mixed, and search the whole index.
"""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.configured import reranking_configured
from benchmarks.work import SEED
from tools.worlds import read_queries
from tte2_ray.artifacts.shards import Shard
from tte2_ray.cascade import Query
from tte2_ray.pipelines.evaluate.log_file import log_row
from tte2_ray.pipelines.rerank import preflight
from tte2_ray.pipelines.rerank.plan import plan_log
from tte2_ray.pipelines.rerank.target import Job

SKEW = 1.0
"""Of Zipf's law: the k-th most frequent query is asked 1/k as often as the first."""


@dataclass(frozen=True, kw_only=True)
class PlannedLog:
    """A log that the job would rerank."""

    job: Job
    rows: int
    plan_s: float
    """Seconds to read it, to find what is equal in it, and to cut it into shards."""

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Of its distinct queries."""
        return self.job.log.plan.shards

    @property
    def distinct(self) -> int:
        """Its distinct queries."""
        return self.job.log.plan.rows


def distinct_queries(world: Path, count: int) -> list[Query]:
    """Queries of a world, mixed, no two alike.

    Raises:
        ValueError: it has not so many.
    """
    asked = [one.query for one in read_queries(world)]
    random.Random(SEED).shuffle(asked)
    by_words = {_asks(query): replace(query, pool=()) for query in asked}
    if len(by_words) < count:
        raise ValueError(f"{count} queries are wanted, {world} has {len(by_words)}")
    return list(by_words.values())[:count]


def repeating(queries: Sequence[Query], rows: int) -> list[Query]:
    """Rows of a log that asks some queries by Zipf's law; some may never be asked."""
    weights = [1 / rank**SKEW for rank in range(1, len(queries) + 1)]
    return random.Random(SEED).choices(queries, weights, k=rows)


def planned(folder: Path, name: str, rows: Sequence[Query], *overrides: str) -> PlannedLog:
    """Writes a log and plans its job.

    Args:
        folder: of the benchmark, with an index.
        name: of the log.
        rows: of the log.
        overrides: of the job's configuration.
    """
    path = folder / f"{name}.jsonl"
    lines = [log_row(query) | {"query_id": f"row-{n:05d}"} for n, query in enumerate(rows)]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    given = [f"log.path={path}", f"log.name={name}", *overrides]
    config, store, manifest = preflight.check(reranking_configured(folder, *given), dry_run=False)
    began = time.perf_counter()
    log = plan_log(config, store)
    seconds = time.perf_counter() - began
    return PlannedLog(job=Job(config, store, manifest, log), rows=len(rows), plan_s=seconds)


def _asks(query: Query) -> str:
    return json.dumps(log_row(query) | {"query_id": "", "candidates": []}, sort_keys=True)
