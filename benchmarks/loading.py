"""Loading against a bare loop of upserts: the same server, schema and rows.

The bare loop holds its entities ready, as plain lists, and does nothing but `upsert`, in the way
that was fastest in a trial: batches of some size, one after the other or, as the job's writer does,
`milvus.max_inflight` of them at once. The phase reads three tables a shard, checks each row, sends
it, and commits the marker of each shard.
"""

import hashlib
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.configured import configured
from benchmarks.gate import GatedLoad, gated
from benchmarks.measure import ROUNDS, alternate, rate, ratio
from benchmarks.tables import write_tables
from benchmarks.work import Work, in_rounds
from tools.shown import Row
from tte2_ray.artifacts.keys import ecr_key, embedding_key
from tte2_ray.artifacts.shards import read_shard
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.collection import ensure_collection
from tte2_ray.milvus.rows import IndexRow, to_entity
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.server import resolve, stop_server
from tte2_ray.pipelines.cluster import cluster
from tte2_ray.pipelines.index.job import phases_of
from tte2_ray.pipelines.index.publish import make_collection
from tte2_ray.schema import Item, ecr_schema, vector_schema

ROWS = 16_384
"""128 shards of the job's own size."""
TRIAL_ROWS, TRIALS = 8_192, 2
"""Rows of a trial, and how often each way is tried; its best time counts."""
BATCHES = (128, 256, 512, 1024, 2048, 4096)
"""Rows of a request, of which the bare loop takes the fastest."""
LEAST = 0.9
WORDS = """large small striped plain red blue green star ring circle square triangle top bottom
left right behind above beside word page number clip moves then three two"""
ECR_WORDS = 24
"""About as long as what the miniature writes."""


def loading(folder: Path, rows: int = ROWS, rounds: int = ROUNDS) -> list[Row]:
    """The loading phase against a bare loop of upserts."""
    config = configured(folder)
    try:
        config = replace(config, milvus=resolve(config.milvus))
        warm = config.corpus.rows_per_shard
        items = [Item(item_id=f"row-{n:06d}", text=f"note {n}") for n in range(warm + rows)]
        work = in_rounds(folder, config, items, warm=warm, rounds=1)
        bare = BareLoop(work, fill(work))
        way, trial = fastest(bare, config.milvus.max_inflight)
        with cluster(config.ray):
            pairs = alternate(
                lambda n: _phase_seconds(folder, work, n),
                lambda n: bare.seconds(f"bare{n}", way, rows),
                rounds,
            )
    finally:
        stop_server(config.milvus.data_dir)
    ours, theirs = [mine for mine, _ in pairs], [other for _, other in pairs]
    return [
        ratio("loading / upsert loop at its best", ours, theirs, rows, LEAST),
        rate("loading", ours, rows),
        rate(f"upsert loop at its best, {way}", theirs, rows),
        *trial,
    ]


@dataclass(frozen=True)
class Way:
    """How the bare loop sends.

    >>> str(Way(512, 1))
    'batches of 512, 1 at once'
    """

    batch_rows: int
    """Of a request."""
    inflight: int
    """Requests at once, each from a thread of its own."""

    def __str__(self) -> str:
        return f"batches of {self.batch_rows}, {self.inflight} at once"


def fastest(
    bare: "BareLoop", inflight: int, batches: Sequence[int] = BATCHES, rows: int = TRIAL_ROWS
) -> tuple[Way, list[Row]]:
    """Tries every way on a server that was warmed up; the fastest, and the rate of each.

    Args:
        bare: the loop.
        inflight: requests that the job's writer has on the way at once.
        batches: sizes of a request.
        rows: of each trial.
    """
    ways = [Way(size, many) for many in sorted({1, inflight}) for size in batches]
    bare.seconds("warm", ways[0], rows)  # a cold server would slow the first way alone
    seconds: dict[Way, float] = {}
    for number in range(TRIALS):
        for n, way in enumerate(ways):
            spent = bare.seconds(f"trial{number}x{n}", way, rows)
            seconds[way] = min(spent, seconds.get(way, spent))
    rates = [Row.stated(f"trial of the upsert loop, {way}; {rows:,} rows", rows / spent, "rows/s",
                        TRIALS) for way, spent in seconds.items()]  # fmt: skip
    return min(seconds, key=lambda way: seconds[way]), rates


class BareLoop:
    """Upserts into collections like those of the job.

    What it is timed for it has done: the rows are counted, off the clock.

    Args:
        work: whose collection is imitated.
        entities: as Milvus takes them.
    """

    def __init__(self, work: Work, entities: Sequence[dict[str, Any]]) -> None:
        self._milvus, self._spec = work.job.config.milvus, work.job.target.spec
        self._entities = entities
        self._client = connect(self._milvus)

    def seconds(self, name: str, way: Way, rows: int) -> float:
        """How long it takes to upsert the first `rows` entities into a fresh collection.

        Args:
            name: of a collection that is made for it, and dropped again.
            way: how they are sent.
            rows: how many.

        Raises:
            ValueError: the collection does not hold them all.
        """
        spec = replace(self._spec, index=name)
        ensure_collection(self._client, self._milvus, spec)
        given = self._entities[:rows]

        def send(start: int) -> int:
            batch = given[start : start + way.batch_rows]
            return int(self._client.upsert(spec.name, batch)["upsert_count"])

        with ThreadPoolExecutor(way.inflight) as pool:
            began = time.perf_counter()
            taken = sum(pool.map(send, range(0, rows, way.batch_rows)))
            seconds = time.perf_counter() - began
        require_rows(f"{spec.name}, by the server's answers", taken, rows)
        require_rows(spec.name, Searcher(self._milvus).count(spec.name), rows)
        self._client.drop_collection(spec.name)
        return seconds


def require_rows(collection: str, found: int, rows: int) -> None:
    """Refuses a time that was not spent on all rows.

    Raises:
        ValueError: there are more or fewer.
    """
    if found != rows:
        raise ValueError(f"{collection} holds {found} rows, {rows} were loaded")


def _phase_seconds(folder: Path, work: Work, number: int) -> float:
    """Loads the job's rows into a version of its own; from the open gate to the last marker."""
    index, target = f"ours{number}", work.job.target
    target = replace(target, index=index, spec=replace(target.spec, index=index))
    shards, rows = work.rounds[0].shards, len(work.rounds[0].items)
    job = replace(work.job, target=target)
    make_collection(target)
    phase = next(phase for phase in phases_of(job) if phase.name == "load")
    with gated(phase, job.store, shards, folder / f"gates{number}", GatedLoad) as behind:
        seconds = behind.seconds(shards)
    require_rows(target.spec.name, Searcher(job.config.milvus).count(target.spec.name), rows)
    return seconds


def fill(work: Work) -> list[dict[str, Any]]:
    """Writes the tables that are loaded; the same rows as entities, vectors as plain lists."""
    import numpy as np

    config, words, numbers = work.job.config, random.Random(0), np.random.default_rng(0)
    ecr_recipe, recipe = config.ecr_recipe(), config.embedding_recipe()
    rows: dict[str, dict[str, Any]] = {}

    def ecr(item: Item) -> dict[str, Any]:
        think = " ".join(words.choices(WORDS.split(), k=ECR_WORDS))
        rows[item.item_id] = {
            "ecr": f"<think>{think}</think>{think[:40]}",
            "modality": item.modality,
            "prompt_tokens": 60,
            "visual_tokens": 36,
            "output_tokens": ECR_WORDS,
        }
        content = hashlib.sha256(item.item_id.encode()).hexdigest()
        key = {"content_key": content, "ecr_key": ecr_key(content, ecr_recipe)}
        return rows[item.item_id] | key

    def vector(item: Item) -> dict[str, Any]:
        drawn = numbers.standard_normal(recipe.dimension, dtype=np.float32)
        key = embedding_key(item.item_id, recipe)
        rows[item.item_id] |= {"vector": drawn.tolist(), "embedding_key": key, "ecr_key": key}
        return {"vector": drawn, "embedding_key": key, "ecr_key": key}

    write_tables(work.job, work.job.ecr_prefix, ecr_schema(), ecr)
    write_tables(work.job, work.job.vector_prefix, vector_schema(recipe.dimension), vector)
    entities = []
    for shard in work.rounds[0].shards:
        for item in read_shard(work.job.store, shard):
            row = IndexRow(item_id=item.item_id, shard=shard.name, **rows[item.item_id])
            entity, _ = to_entity(row, dimension=recipe.dimension, metadata_fields=())
            entities.append({**entity, "vector": rows[item.item_id]["vector"]})
    return entities
