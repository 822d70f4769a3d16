"""What is loaded of a shard: its vectors with their ECRs as rows of the index, the rest as letters.

A loader is as fast as its client packs rows, so only the columns that a row needs are read, and
the items themselves only where one has failed or its metadata is kept.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.dead_letters import DeadLetter
from tte2_ray.artifacts.markers import table_key
from tte2_ray.artifacts.shards import Shard, read_shard
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import read_table
from tte2_ray.milvus.rows import IndexRow
from tte2_ray.schema import Item, ecr_schema, shard_schema, vector_schema
from tte2_ray.stages.counts import Counts

if TYPE_CHECKING:
    import pyarrow as pa

_COUNTED = ("prompt_tokens", "visual_tokens", "output_tokens", "truncated")
_OF_ECRS = ("item_id", "ecr", "modality", "error_class", *_COUNTED)
_OF_VECTORS = ("item_id", "embedding_key", "ecr_key", "vector", "error_class")


@dataclass(kw_only=True)
class ToLoad:
    """A shard on its way into Milvus."""

    shard: Shard
    rows: list[IndexRow]
    """To be sent; given away when they are."""
    sent: int
    """How many they are."""
    letters: list[DeadLetter]
    """Of the items that failed before."""
    spent: Counts
    """Tokens of the ECRs, which were written before."""


class ShardReader:
    """Reads shards to be loaded; from several threads at once.

    Args:
        store: where tables lie.
        ecr_prefix: folder of the ECR tables.
        vector_prefix: folder of the vector tables.
        dimension: of the vectors.
        with_metadata: whether any of the items' metadata is kept.
    """

    def __init__(
        self,
        store: Store,
        ecr_prefix: str,
        vector_prefix: str,
        *,
        dimension: int,
        with_metadata: bool,
    ) -> None:
        self._store = store
        self._ecr_prefix, self._vector_prefix = ecr_prefix, vector_prefix
        self._vector_schema = vector_schema(dimension)
        self._with_metadata = with_metadata

    def read(self, shard: Shard) -> ToLoad:
        """The rows of a shard, and the letters of those that are none."""
        ecrs = self._ecrs(shard, _OF_ECRS)
        vectors = self._vectors(shard, _OF_VECTORS)
        rows = list(_index_rows(shard, ecrs, vectors, self._metadata(shard)))
        letters = [] if len(rows) == shard.rows else list(self._letters(shard))
        return ToLoad(shard=shard, rows=rows, sent=len(rows), letters=letters, spent=_spent(ecrs))

    def letter(self, shard: Shard, row: dict[str, Any]) -> DeadLetter:
        """The dead letter of an item.

        Args:
            shard: that it belongs to.
            row: its id and its error, as a table has them.
        """
        items = (item for item in read_shard(self._store, shard) if item.item_id == row["item_id"])
        return _letter(shard, next(items), row)

    def _letters(self, shard: Shard) -> Iterator[DeadLetter]:
        items = {item.item_id: item for item in read_shard(self._store, shard)}
        names = ("item_id", "error_class", "error_message", "error_stage")
        for table in (self._ecrs(shard, names), self._vectors(shard, names)):
            for row in table.to_pylist():
                if row["error_class"]:
                    yield _letter(shard, items[row["item_id"]], row)

    def _ecrs(self, shard: Shard, columns: tuple[str, ...]) -> "pa.Table":
        key = table_key(self._ecr_prefix, shard)
        return read_table(self._store, key, ecr_schema(), columns=columns)

    def _vectors(self, shard: Shard, columns: tuple[str, ...]) -> "pa.Table":
        key = table_key(self._vector_prefix, shard)
        return read_table(self._store, key, self._vector_schema, columns=columns)

    def _metadata(self, shard: Shard) -> dict[str, str]:
        if not self._with_metadata:
            return {}
        columns = ("item_id", "metadata")
        table = read_table(self._store, shard.key, shard_schema(), columns=columns)
        return dict(zip(*(table.column(name).to_pylist() for name in columns), strict=True))


def _index_rows(
    shard: Shard, ecrs: "pa.Table", vectors: "pa.Table", metadata: dict[str, str]
) -> Iterator[IndexRow]:
    import numpy as np

    if not vectors.num_rows:  # every item of the shard failed before
        return
    by_id = {row["item_id"]: row for row in ecrs.to_pylist()}
    flat = vectors.column("vector").combine_chunks().flatten().to_numpy(zero_copy_only=False)
    values = np.asarray(flat, dtype=np.float32).reshape(vectors.num_rows, -1)
    named = vectors.drop_columns(["vector"]).to_pylist()
    for row, vector in zip(named, values, strict=True):
        if row["error_class"]:
            continue
        item_id = row["item_id"]
        ecr = by_id[item_id]
        yield IndexRow(
            item_id=item_id,
            vector=vector,
            ecr=ecr["ecr"],
            modality=ecr["modality"],
            ecr_key=row["ecr_key"],
            embedding_key=row["embedding_key"],
            shard=shard.name,
            prompt_tokens=ecr["prompt_tokens"],
            visual_tokens=ecr["visual_tokens"],
            output_tokens=ecr["output_tokens"],
            metadata=json.loads(metadata[item_id]) if metadata else {},
        )


def _spent(ecrs: "pa.Table") -> Counts:
    import pyarrow.compute as pc

    sums = {name: int(pc.sum(ecrs.column(name)).as_py() or 0) for name in _COUNTED}
    return Counts.from_dict(sums)


def _letter(shard: Shard, item: Item, row: dict[str, Any]) -> DeadLetter:
    return DeadLetter(
        item_id=item.item_id,
        shard=shard.name,
        stage=row["error_stage"],
        error_class=row["error_class"],
        message=row["error_message"],
        row=json.dumps(item.to_row(), ensure_ascii=False),
    )
