"""Shards with their ECR and vector tables in, rows in Milvus out; and where each row went.

This is where a shard's accounting closes: every item is either in the collection or a dead letter.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.dead_letters import DeadLetter, write_dead_letters
from tte2_ray.artifacts.markers import mark_done, marker_key, table_key
from tte2_ray.artifacts.shards import Shard, read_shard
from tte2_ray.artifacts.store import open_store
from tte2_ray.artifacts.tables import read_table
from tte2_ray.errors import ValidationError
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.rows import IndexRow
from tte2_ray.milvus.writer import Writer
from tte2_ray.schema import Item, ecr_schema, vector_schema
from tte2_ray.stages.work import ShardStats, as_columns, shards_of

if TYPE_CHECKING:
    import numpy as np

STAGE = "load"


@dataclass(frozen=True, kw_only=True)
class LoadWork:
    """What a replica needs to load shards."""

    root: str
    """Of the artifact store."""
    ecr_prefix: str
    """Folder of the ECR tables."""
    vector_prefix: str
    """Folder of the vector tables."""
    prefix: str
    """Folder of the markers of this version, `indexes/<name>/<version>/load`."""
    dead_letter_prefix: str
    milvus: MilvusConfig
    """With the uri of a server that answers."""
    collection: str
    dimension: int


class LoadShards:
    """Reads name, key, rows, rejected of shards; returns `ShardStats`; commits each shard."""

    def __init__(self, work: LoadWork) -> None:
        self._work = work
        self._store = open_store(work.root)
        self._writer = Writer(work.milvus, work.collection, dimension=work.dimension)

    def __call__(self, batch: "dict[str, np.ndarray[Any, Any]]") -> dict[str, list[Any]]:
        """One batch of shards."""
        return as_columns([self.commit(shard) for shard in shards_of(batch)])

    def commit(self, shard: Shard) -> ShardStats:
        """Upserts the vectors of a shard, writes its dead letters, then its marker.

        Raises:
            ValidationError: an item of the shard is neither loaded nor rejected.
        """
        began = time.perf_counter()
        store, work = self._store, self._work
        items = {item.item_id: item for item in read_shard(store, shard)}
        ecrs = read_table(store, table_key(work.ecr_prefix, shard), ecr_schema()).to_pylist()
        schema = vector_schema(work.dimension)
        vectors = read_table(store, table_key(work.vector_prefix, shard), schema)
        failed = {row["item_id"]: row for row in [*ecrs, *_failed(vectors)] if row["error_class"]}
        by_id = {row["item_id"]: row for row in ecrs}
        report = self._writer.write(_rows(shard, items, by_id, vectors))
        letters = [_letter(shard, items[i], row) for i, row in failed.items()]
        for refused in report.rejected:
            named = {"error_class": refused.error_class.value, "error_message": refused.message}
            row = {"item_id": refused.item_id, "error_stage": STAGE, **named}
            letters.append(_letter(shard, items[refused.item_id], row))
        if report.written + len(letters) != shard.rows:
            raise ValidationError(
                f"shard {shard.name}: {shard.rows} rows in, but {report.written} indexed and "
                f"{len(letters)} rejected; its tables do not belong together: delete them and rerun"
            )
        if letters:
            write_dead_letters(store, work.dead_letter_prefix, letters)
        stats = _stats(shard, report.written, letters, ecrs, began)
        mark_done(store, marker_key(work.prefix, shard), asdict(stats))
        return stats


def _failed(vectors: Any) -> list[dict[str, Any]]:
    names = [n for n in vectors.column_names if n != "vector"]
    rows: list[dict[str, Any]] = vectors.select(names).to_pylist()
    return rows


def _rows(
    shard: Shard, items: dict[str, Item], ecrs: dict[str, dict[str, Any]], vectors: Any
) -> Iterator[IndexRow]:
    import numpy as np

    flat = vectors.column("vector").combine_chunks().flatten().to_numpy(zero_copy_only=False)
    values = np.asarray(flat, dtype=np.float32).reshape(vectors.num_rows, -1)
    for row, vector in zip(_failed(vectors), values, strict=True):
        if row["error_class"]:
            continue
        ecr = ecrs[row["item_id"]]
        yield IndexRow(
            item_id=row["item_id"],
            vector=vector,
            ecr=ecr["ecr"],
            modality=ecr["modality"],
            embedding_key=row["embedding_key"],
            shard=shard.name,
            prompt_tokens=ecr["prompt_tokens"],
            visual_tokens=ecr["visual_tokens"],
            output_tokens=ecr["output_tokens"],
            metadata=items[row["item_id"]].metadata,
        )


def _letter(shard: Shard, item: Item, row: dict[str, Any]) -> DeadLetter:
    return DeadLetter(
        item_id=item.item_id,
        shard=shard.name,
        stage=row["error_stage"],
        error_class=row["error_class"],
        message=row["error_message"],
        row=json.dumps(item.to_row(), ensure_ascii=False),
    )


def _stats(
    shard: Shard, written: int, letters: list[DeadLetter], ecrs: list[dict[str, Any]], began: float
) -> ShardStats:
    return ShardStats(
        shard=shard.name,
        rows=shard.rows,
        done=written,
        rejected=len(letters),
        prompt_tokens=sum(row["prompt_tokens"] for row in ecrs),
        visual_tokens=sum(row["visual_tokens"] for row in ecrs),
        output_tokens=sum(row["output_tokens"] for row in ecrs),
        truncated=sum(row["truncated"] for row in ecrs),
        seconds=time.perf_counter() - began,
        classes=dict(Counter(letter.error_class for letter in letters)),
    )
