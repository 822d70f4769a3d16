"""Shards and their ECR tables in, vector tables out; no token is written here."""

import asyncio
import math
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.keys import EmbeddingRecipe, embedding_key
from tte2_ray.artifacts.markers import mark_done, marker_key, table_key
from tte2_ray.artifacts.shards import Shard, read_shard
from tte2_ray.artifacts.store import open_store
from tte2_ray.artifacts.tables import read_table, write_table
from tte2_ray.engines import EmbedderConfig, ModelInput, build_embedder
from tte2_ray.errors import RowError, RowErrorClass, RuntimeFailure
from tte2_ray.media import DecodedItem, MediaLimits
from tte2_ray.prompts import item_text
from tte2_ray.schema import Item, ecr_schema, vector_schema
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

STAGE = "embed"


@dataclass(frozen=True, kw_only=True)
class EmbedWork:
    """What a replica needs to embed shards."""

    root: str
    """Of the artifact store."""
    ecr_prefix: str
    """Folder of the ECR tables."""
    prefix: str
    """Folder of the vector tables, `vectors/<fingerprint>`."""
    recipe: EmbeddingRecipe
    embedder: EmbedderConfig
    limits: MediaLimits


class EmbedShards:
    """Reads name, key, rows, rejected of shards; returns `ShardStats`; commits each shard."""

    def __init__(self, work: EmbedWork) -> None:
        engine = work.embedder.engine
        self._work = work
        self._store = open_store(work.root)
        self._embedder = build_embedder(work.embedder)
        self._schema = vector_schema(work.recipe.dimension)
        self._decoder = Decoder(work.limits, engine.decode_threads, engine.max_in_flight)

    async def __call__(self, batch: "dict[str, np.ndarray[Any, Any]]") -> dict[str, list[Any]]:
        """One batch of shards."""
        return as_columns([await self.commit(shard) for shard in shards_of(batch)])

    async def commit(self, shard: Shard) -> ShardStats:
        """Writes the vector table of a shard, then its marker."""
        import pyarrow as pa

        began, decoded_before = time.perf_counter(), self._decoder.seconds
        items = await asyncio.to_thread(read_shard, self._store, shard)
        key = table_key(self._work.ecr_prefix, shard)
        ecrs = await asyncio.to_thread(read_table, self._store, key, ecr_schema())
        pairs = [
            (i, e) for i, e in zip(items, ecrs.to_pylist(), strict=True) if not e["error_class"]
        ]
        key = table_key(self._work.prefix, shard)
        kept = await asyncio.to_thread(good_rows, self._store, key, self._schema)
        fresh = await asyncio.gather(*(self._row(i, e) for i, e in pairs if i.item_id not in kept))
        made = kept | {row["item_id"]: row for row in fresh}
        rows = [made[item.item_id] for item, _ in pairs]
        failed_before = ecrs.num_rows - len(rows)
        spent = self._decoder.seconds - decoded_before
        stats = _stats(shard, rows, failed_before, began, spent)
        table = pa.Table.from_pylist(rows, self._schema)
        await asyncio.to_thread(write_table, self._store, key, table, self._schema)
        marker = marker_key(self._work.prefix, shard)
        await asyncio.to_thread(mark_done, self._store, marker, asdict(stats))
        return stats

    async def _row(self, item: Item, ecr: dict[str, Any]) -> dict[str, Any]:
        row = {
            "item_id": item.item_id,
            "embedding_key": embedding_key(ecr["ecr_key"], self._work.recipe),
            "ecr_key": ecr["ecr_key"],
            "vector": [0.0] * self._work.recipe.dimension,
            "prompt_tokens": 0,
            "visual_tokens": 0,
            "error_class": "",
            "error_message": "",
            "error_stage": "",
        }

        async def embed(decoded: DecodedItem) -> dict[str, Any]:
            if decoded.content_sha256 != ecr["content_key"]:
                message = "its files changed after they were reasoned about; run the job again"
                raise RowError(RowErrorClass.CONTENT_CHANGED, message)
            return await self._embed(decoded, ecr["ecr"])

        try:
            return row | await self._decoder(item, embed)
        except RowError as error:
            named = {"error_class": error.error_class.value, "error_message": error.message}
            return row | named | {"error_stage": STAGE}
        except RuntimeFailure as error:
            leave_with_dead_engine(error)
            raise

    async def _embed(self, decoded: DecodedItem, ecr: str) -> dict[str, Any]:
        text = item_text(decoded.text, self._work.embedder.instruction)
        given = ModelInput(text=text, images=decoded.images, video=decoded.video)
        read = ecr if self._work.embedder.reads_ecr else ""
        made = await self._embedder.embed(given, read)
        check_vector(made.vector, self._work.recipe.dimension)
        return {
            "vector": made.vector,
            "prompt_tokens": made.prompt_tokens,
            "visual_tokens": made.visual_tokens,
        }


def check_vector(vector: list[float], dimension: int) -> None:
    """Refuses a vector that would be found by everything or by nothing.

    Raises:
        RowError: it has another length, a value that is not finite, or no length at all.
    """
    if len(vector) != dimension:
        message = f"a vector of {len(vector)} values, {dimension} were expected"
        raise RowError(RowErrorClass.BAD_VECTOR, message)
    norm = math.fsum(v * v for v in vector)
    if not math.isfinite(norm) or norm < 1e-12:
        raise RowError(RowErrorClass.BAD_VECTOR, f"a vector of squared norm {norm}")


def _stats(
    shard: Shard, rows: list[dict[str, Any]], failed_before: int, began: float, decode_s: float
) -> ShardStats:
    classes = Counter(row["error_class"] for row in rows if row["error_class"])
    return ShardStats(
        shard=shard.name,
        rows=len(rows) + failed_before,
        done=len(rows) - classes.total(),
        rejected=classes.total() + failed_before,
        prompt_tokens=sum(row["prompt_tokens"] for row in rows),
        visual_tokens=sum(row["visual_tokens"] for row in rows),
        decode_s=decode_s,
        seconds=time.perf_counter() - began,
        classes=dict(classes),
    )
