"""Shards in, ECR tables out: fetch, decode and reason about every item of a shard."""

import asyncio
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.keys import EcrRecipe, ecr_key
from tte2_ray.artifacts.markers import mark_done, marker_key, table_key
from tte2_ray.artifacts.shards import Shard, read_shard
from tte2_ray.artifacts.store import open_store
from tte2_ray.artifacts.tables import write_table
from tte2_ray.engines import ModelInput, ReasonerConfig, build_reasoner
from tte2_ray.errors import RowError, RowErrorClass, RuntimeFailure
from tte2_ray.media import DecodedItem, MediaLimits
from tte2_ray.prompts import close_overrun, item_text, parse_ecr
from tte2_ray.schema import Item, ecr_schema
from tte2_ray.stages.work import (
    Decoder,
    ShardStats,
    as_columns,
    good_rows,
    leave_with_dead_engine,
    shards_of,
)

if TYPE_CHECKING:
    import numpy as np

STAGE = "reason"


@dataclass(frozen=True, kw_only=True)
class ReasonWork:
    """What a replica needs to reason about shards."""

    root: str
    """Of the artifact store."""
    prefix: str
    """Folder of the ECR tables, `ecr/<fingerprint>`."""
    recipe: EcrRecipe
    reasoner: ReasonerConfig
    limits: MediaLimits


class ReasonShards:
    """Reads name, key, rows, rejected of shards; returns `ShardStats`; commits each shard."""

    def __init__(self, work: ReasonWork) -> None:
        engine = work.reasoner.engine
        self._work = work
        self._store = open_store(work.root)
        self._reasoner = build_reasoner(work.reasoner)
        self._decoder = Decoder(work.limits, engine.decode_threads, engine.max_in_flight)

    async def __call__(self, batch: "dict[str, np.ndarray[Any, Any]]") -> dict[str, list[Any]]:
        """One batch of shards."""
        return as_columns([await self.commit(shard) for shard in shards_of(batch)])

    async def commit(self, shard: Shard) -> ShardStats:
        """Writes the ECR table of a shard, then its marker."""
        import pyarrow as pa

        began, decoded_before = time.perf_counter(), self._decoder.seconds
        items = await asyncio.to_thread(read_shard, self._store, shard)
        key = table_key(self._work.prefix, shard)
        kept = await asyncio.to_thread(good_rows, self._store, key, ecr_schema())
        fresh = await asyncio.gather(*(self._row(i) for i in items if i.item_id not in kept))
        made = kept | {row["item_id"]: row for row in fresh}
        rows = [made[item.item_id] for item in items]
        stats = _stats(shard, rows, began, self._decoder.seconds - decoded_before)
        table = pa.Table.from_pylist(rows, ecr_schema())
        await asyncio.to_thread(write_table, self._store, key, table, ecr_schema())
        marker = marker_key(self._work.prefix, shard)
        await asyncio.to_thread(mark_done, self._store, marker, asdict(stats))
        return stats

    async def _row(self, item: Item) -> dict[str, Any]:
        row = _blank(item)

        async def reason(decoded: DecodedItem) -> dict[str, Any]:
            row["content_key"] = decoded.content_sha256
            row["ecr_key"] = ecr_key(decoded.content_sha256, self._work.recipe)
            row["notes"] = decoded.notes
            row["error_stage"] = STAGE
            return await self._reason(decoded)

        try:
            return row | await self._decoder(item, reason) | {"error_stage": ""}
        except RowError as error:
            return row | {"error_class": error.error_class.value, "error_message": error.message}
        except RuntimeFailure as error:
            leave_with_dead_engine(error)
            raise

    async def _reason(self, decoded: DecodedItem) -> dict[str, Any]:
        text = item_text(decoded.text, self._work.reasoner.instruction)
        given = ModelInput(text=text, images=decoded.images, video=decoded.video)
        said = await self._reasoner.reason(given)
        ecr = close_overrun(said.text) if said.truncated else said.text
        if not parse_ecr(ecr).statement:
            raise RowError(
                RowErrorClass.EMPTY_ECR, f"the reasoner wrote no statement: {ecr[:80]!r}"
            )
        return {
            "ecr": ecr,
            "prompt_tokens": said.prompt_tokens,
            "visual_tokens": said.visual_tokens,
            "output_tokens": said.output_tokens,
            "truncated": said.truncated,
        }


def _blank(item: Item) -> dict[str, Any]:
    return {
        "item_id": item.item_id,
        "content_key": "",
        "ecr_key": "",
        "modality": item.modality,
        "ecr": "",
        "prompt_tokens": 0,
        "visual_tokens": 0,
        "output_tokens": 0,
        "truncated": False,
        "notes": "",
        "error_class": "",
        "error_message": "",
        "error_stage": "decode",
    }


def _stats(shard: Shard, rows: list[dict[str, Any]], began: float, decode_s: float) -> ShardStats:
    classes = Counter(row["error_class"] for row in rows if row["error_class"])
    return ShardStats(
        shard=shard.name,
        rows=len(rows),
        done=len(rows) - classes.total(),
        rejected=classes.total(),
        prompt_tokens=sum(row["prompt_tokens"] for row in rows),
        visual_tokens=sum(row["visual_tokens"] for row in rows),
        output_tokens=sum(row["output_tokens"] for row in rows),
        truncated=sum(row["truncated"] for row in rows),
        decode_s=decode_s,
        seconds=time.perf_counter() - began,
        classes=dict(classes),
    )
