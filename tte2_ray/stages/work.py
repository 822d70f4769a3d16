"""What every stage shares: where the shards lie, how items are decoded, how a shard is told of.

A stage of the index job takes whole shards by name and commits them itself: its input and output
rows are a few numbers, so that no pixel and no vector travels through Ray's object store, and a
crash costs at most the shards in flight. Each replica decodes ahead of its engine in threads.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.shards import Shard, earlier_generation
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import read_table
from tte2_ray.errors import RuntimeFailure
from tte2_ray.media import DecodedItem, MediaLimits, decode_item
from tte2_ray.schema import Item

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class ShardStats:
    """What a stage did for one shard; the columns that it returns and the marker that it writes."""

    shard: str
    rows: int
    """Items of the shard."""
    done: int
    """Items that came through this stage."""
    rejected: int
    """Items that have failed in this stage or one before it."""
    prompt_tokens: int = 0
    """Text and visual tokens that the stage's model read."""
    visual_tokens: int = 0
    output_tokens: int = 0
    """Tokens that the stage's model wrote."""
    truncated: int = 0
    """ECRs that met their limit."""
    decode_s: float = 0.0
    """Seconds of fetching and decoding, summed over threads."""
    seconds: float = 0.0
    """Wall time of the shard, shared with others in flight."""
    classes: Mapping[str, int] = field(default_factory=dict)
    """Rejected items by error class."""


def shard_rows(shards: Sequence[Shard]) -> list[dict[str, Any]]:
    """Shards as rows of a data set."""
    return [{"name": s.name, "key": s.key, "rows": s.rows, "rejected": s.rejected} for s in shards]


def shards_of(batch: "dict[str, np.ndarray[Any, Any]]") -> list[Shard]:
    """The inverse of `shard_rows`, of a batch."""
    columns = zip(batch["name"], batch["key"], batch["rows"], batch["rejected"], strict=True)
    return [
        Shard(name=str(name), key=str(key), rows=int(rows), rejected=int(rejected))
        for name, key, rows, rejected in columns
    ]


def as_columns(stats: Sequence[ShardStats]) -> dict[str, list[Any]]:
    """Stats as the batch that a stage returns; `classes` as JSON."""
    import json

    rows = [{**vars(s), "classes": json.dumps(dict(s.classes))} for s in stats]
    return {name: [row[name] for row in rows] for name in rows[0]}


def good_rows(store: Store, key: str, schema: "pa.Schema") -> dict[str, dict[str, Any]]:
    """What the earlier generation of a shard made, by item id, without what failed.

    Args:
        store: where tables lie.
        key: of the table that is being made; its name tells the generation.
        schema: of the table.
    """
    folder, _, file = key.rpartition("/")
    earlier = earlier_generation(file.removesuffix(".parquet"))
    if not earlier:
        return {}
    rows = read_table(store, f"{folder}/{earlier}.parquet", schema).to_pylist()
    return {row["item_id"]: row for row in rows if not row["error_class"]}


class Decoder:
    """Fetches and decodes items in threads, a bounded number ahead of the engine.

    Args:
        limits: bounds on what is fetched and shown.
        threads: at work at once.
        in_flight: items that are decoded but not yet answered; bounds memory.
    """

    def __init__(self, limits: MediaLimits, threads: int, in_flight: int) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._slots = asyncio.Semaphore(in_flight)
        self.seconds = 0.0

    async def __call__(
        self, item: Item, use: Callable[[DecodedItem], Awaitable[dict[str, Any]]]
    ) -> dict[str, Any]:
        """Decodes an item and hands it to `use`; its pixels live no longer than that.

        Raises:
            RowError: from decoding, or from `use`.
        """
        async with self._slots:
            loop = asyncio.get_running_loop()
            decoded = await loop.run_in_executor(self._pool, self._decode, item)
            return await use(decoded)

    def _decode(self, item: Item) -> DecodedItem:
        began = time.perf_counter()
        try:
            return decode_item(item, self._limits)
        finally:
            self.seconds += time.perf_counter() - began


def leave_with_dead_engine(error: RuntimeFailure) -> None:
    """Ends this worker process, so that Ray starts another with a fresh engine and tries again.

    Raising would hand the retry to the same actor with the same dead engine, for ever
    (https://github.com/ray-project/ray/issues/59522).
    """
    print(f"tte2_ray: {error}; this worker ends and is replaced", file=sys.stderr, flush=True)
    os._exit(1)
