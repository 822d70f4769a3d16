"""The dead-letter table: rows that were rejected, why, and what is needed to run them again."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from tte2_ray.artifacts.corpus import RejectedRow
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import iter_table, write_table
from tte2_ray.schema import dead_letter_schema

READ_STAGE = "read"
"""The stage of rows that never became items."""


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A row of `dead_letter_schema()`."""

    item_id: str
    shard: str
    """Name of its shard; "" for a row that never became an item."""
    stage: str
    """Where it was rejected, e.g. "read", "decode", "reason"."""
    error_class: str
    """A `RowErrorClass`."""
    message: str
    row: str
    """`Item.to_row()` as JSON; at the stage "read", what the manifest held."""


def from_rejected(row: RejectedRow) -> DeadLetter:
    """The dead letter of a row that is no item."""
    return DeadLetter(
        item_id=row.item_id,
        shard="",
        stage=READ_STAGE,
        error_class=row.error_class.value,
        message=row.message,
        row=row.row,
    )


def write_dead_letters(store: Store, prefix: str, letters: Sequence[DeadLetter]) -> str:
    """Write one file of letters, named by its content, so that a rerun writes none twice.

    Args:
        store: where to.
        prefix: folder of the job's dead letters.
        letters: at most a shard of them, and at least one.

    Returns:
        Its key.
    """
    import pyarrow as pa

    rows = [asdict(letter) for letter in letters]
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:32]
    key = f"{prefix.rstrip('/')}/{letters[0].stage}-{digest}.parquet"
    write_table(store, key, pa.Table.from_pylist(rows, dead_letter_schema()))
    return key


def read_dead_letters(store: Store, keys: Iterable[str]) -> Iterator[DeadLetter]:
    """The letters of some files, streamed; `store.list` names those of a folder."""
    for key in keys:
        for batch in iter_table(store, key, dead_letter_schema(), rows_per_batch=256):
            for row in batch.to_pylist():
                yield DeadLetter(**row)
