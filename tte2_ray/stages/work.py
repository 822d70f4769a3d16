"""What every stage shares: shards come by name, counts go out, and tables are committed here.

A stage of the index job takes whole shards by name and commits them itself: its input and output
rows are a few numbers, so that no pixel and no vector travels through Ray's object store, and a
crash costs at most the shards in flight.
"""

import asyncio
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tte2_ray.artifacts.markers import mark_done, marker_key, table_key
from tte2_ray.artifacts.shards import Shard, ids_as_before, read_shard
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import read_table, write_table
from tte2_ray.errors import OutOfMemory, RowError, RuntimeFailure
from tte2_ray.media import DecodedItem
from tte2_ray.schema import Item
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.decoder import Decoder
from tte2_ray.stages.doing import Doing
from tte2_ray.stages.metrics import engine_clock
from tte2_ray.stages.room import say_farewell

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

Given = TypeVar("Given")
"""What a stage is given with an item: nothing, or its ECR."""
Row = dict[str, Any]


def shard_rows(shards: Sequence[Shard]) -> list[dict[str, Any]]:
    """Shards as rows of a data set."""
    return [asdict(shard) for shard in shards]


def shards_of(batch: "dict[str, np.ndarray[Any, Any]]") -> list[Shard]:
    """The inverse of `shard_rows`, of a batch."""
    names = ("name", "key", "rows", "rejected", "earlier")
    return [
        Shard(name=str(name), key=str(key), rows=int(rows), rejected=int(rejected),
              earlier=str(earlier))
        for name, key, rows, rejected, earlier in zip(*(batch[n] for n in names), strict=True)
    ]  # fmt: skip


def as_columns(counts: Sequence[Counts]) -> dict[str, list[str]]:
    """Counts as the batch that a stage returns: one JSON text a shard."""
    return {"counts": [each.to_json() for each in counts]}


def counts_of(row: Mapping[str, Any]) -> Counts:
    """The inverse of `as_columns`, of one row."""
    return Counts.from_json(row["counts"])


class TableStage(ABC, Generic[Given]):
    """Reads name, key, rows, rejected of shards; answers their items; commits a table a shard.

    Args:
        name: of the stage, as it stands in dead letters.
        index: what is built, for metrics.
        store: where shards lie and tables go.
        prefix: folder of the tables, e.g. `ecr/<fingerprint>`.
        schema: of the tables; one with `item_id` and the columns of an error.
        decoder: fetches and decodes items.
    """

    def __init__(
        self,
        name: str,
        index: str,
        store: Store,
        prefix: str,
        schema: "pa.Schema",
        decoder: Decoder,
    ) -> None:
        self._name, self._store, self._prefix = name, store, prefix
        self._schema, self._decoder = schema, decoder
        self._clock, self._doing = engine_clock(index, name), Doing(name)

    @abstractmethod
    def given(self, shard: Shard, items: Sequence[Item]) -> list[tuple[Item, Given]]:
        """The items that take part, each with what the stage needs to know of it."""

    @abstractmethod
    def blank(self, item: Item, given: Given) -> Row:
        """The row of an item that nothing is known of yet."""

    @abstractmethod
    async def holds(self, row: Row, item: Item, given: Given, *, as_before: bool) -> bool:
        """Whether a row that was made in an earlier generation is what would be made now.

        Args:
            row: of the table.
            item: as it is now.
            given: what the stage needs to know of it.
            as_before: whether the item is listed as it was, as far as that tells.
        """

    @abstractmethod
    async def answer(self, row: Row, decoded: DecodedItem, given: Given) -> Row:
        """What is added to the row of a decoded item; keys may be set in `row` before it fails.

        Raises:
            RowError: this item cannot be answered.
            RuntimeFailure: the engine is dead.
        """

    async def __call__(self, batch: "dict[str, np.ndarray[Any, Any]]") -> dict[str, list[str]]:
        """One batch of shards."""
        return as_columns([await self.commit(shard) for shard in shards_of(batch)])

    async def commit(self, shard: Shard) -> Counts:
        """Writes the table of a shard, then its marker, which counts what the table holds.

        Returns:
            The rows of the table, with the tokens that this attempt spent on them.
        """
        began, decoded_before = time.perf_counter(), self._decoder.seconds
        key = table_key(self._prefix, shard)
        # A table without a marker: a crash came between them. What it cost is not spent again.
        rows, fresh = await asyncio.to_thread(self._committed, key), list[Row]()
        if rows is None:
            rows, fresh = await self._rows(shard, key)
        counts = replace(
            Counts.of_table(rows, failed_before=shard.rows - len(rows)),
            decode_s=self._decoder.seconds - decoded_before,
            seconds=time.perf_counter() - began,
        )
        marker = marker_key(self._prefix, shard)
        await asyncio.to_thread(mark_done, self._store, marker, counts.as_dict())
        return counts.charged(fresh)

    async def _rows(self, shard: Shard, key: str) -> tuple[list[Row], list[Row]]:
        """The rows of the table that is written, and those that were answered for it."""
        import pyarrow as pa

        items = await asyncio.to_thread(read_shard, self._store, shard)
        pairs = await asyncio.to_thread(self.given, shard, items)
        kept = await self._taken_over(shard, pairs)
        todo = [pair for pair in pairs if pair[0].item_id not in kept]
        fresh = await asyncio.gather(*(self._row(item, given) for item, given in todo))
        made = kept | {row["item_id"]: row for row in fresh}
        rows = [made[item.item_id] for item, _ in pairs]
        table = pa.Table.from_pylist(rows, self._schema)
        if await asyncio.to_thread(write_table, self._store, key, table, self._schema):
            return rows, fresh
        # Another attempt at this shard, thought to be dead, was first: its table is what counts.
        return await asyncio.to_thread(self._committed, key) or rows, fresh

    async def _taken_over(
        self, shard: Shard, pairs: Sequence[tuple[Item, Given]]
    ) -> dict[str, Row]:
        """What the earlier generation made, by item id, without what failed or holds no longer."""
        if not shard.earlier:
            return {}
        key = table_key(self._prefix, replace(shard, name=shard.earlier))
        # A model that was never run on the earlier generation has no table of it.
        made = await asyncio.to_thread(self._committed, key) or []
        good = {row["item_id"]: row for row in made if not row["error_class"]}
        asked = [(good[item.item_id], item, given) for item, given in pairs if item.item_id in good]
        same = await asyncio.to_thread(ids_as_before, self._store, shard) if asked else set()
        held = await asyncio.gather(
            *(self.holds(*each, as_before=each[1].item_id in same) for each in asked)
        )
        return {row["item_id"]: row for (row, *_), holds in zip(asked, held, strict=True) if holds}

    def _committed(self, key: str) -> list[Row] | None:
        if not self._store.exists(key):
            return None
        rows: list[Row] = read_table(self._store, key, self._schema).to_pylist()
        return rows

    async def _row(self, item: Item, given: Given) -> Row:
        row = self.blank(item, given)
        stage = "decode"

        async def answer(decoded: DecodedItem) -> Row:
            nonlocal stage
            stage = self._name
            go_to("in the engine")
            try:
                with self._clock.request():
                    return await self.answer(row, decoded, given)
            except RuntimeFailure as error:
                leave_with_dead_engine(error)
                raise

        try:
            with self._doing.at("fetched and decoded", item.item_id) as go_to:
                return row | await self._decoder(item, answer)
        except RowError as error:
            named = {"error_class": error.error_class.value, "error_message": error.message}
            return row | named | {"error_stage": stage}


def leave_with_dead_engine(error: RuntimeFailure) -> None:
    """Ends this worker process, so that Ray starts another with a fresh engine and tries again.

    Raising would hand the retry to the same actor with the same dead engine, for ever
    (https://github.com/ray-project/ray/issues/59522).
    """
    print(f"tte2_ray: {error}; this worker ends and is replaced", file=sys.stderr, flush=True)
    if not isinstance(error, OutOfMemory):
        say_farewell()
    os._exit(1)
