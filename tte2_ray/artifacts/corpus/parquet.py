"""Parquet manifests, a small batch in memory at a time."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.corpus.raw import Unreadable
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import RowError, RowErrorClass, ValidationError

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_BATCH = 1024


def parquet_rows(
    store: Store, key: str, *, id_column: str, ours: Collection[str]
) -> Iterator[tuple[str, Any]]:
    """Where, and what: the rows of one file, without binary columns that are not ours (pixels).

    Args:
        store: where it lies.
        key: of the file.
        id_column: that it must have.
        ours: columns whose bytes are text.

    Yields:
        File and row, and its columns by name, or an `Unreadable`.

    Raises:
        ValidationError: not Parquet, broken, or without `id_column`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    uri = store.uri(key)
    with store.open(key) as file:
        try:
            parquet = pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
            columns = _columns(parquet.schema_arrow, uri, id_column, ours)
            number = 0
            for batch in parquet.iter_batches(ROWS_PER_BATCH, columns=columns, use_threads=False):
                for row in _rows(batch):
                    number += 1
                    yield f"{uri} row {number}", row
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last: of a name
            raise ValidationError(f"{uri}: not a readable Parquet file: {error}") from error


def _columns(schema: "pa.Schema", uri: str, id_column: str, ours: Collection[str]) -> list[str]:
    import pyarrow.types as types

    if id_column not in schema.names:
        raise ValidationError(f"{uri}: no column {id_column}; its columns are {schema.names[:20]}")
    binary = (
        types.is_binary,
        types.is_large_binary,
        types.is_fixed_size_binary,
        types.is_binary_view,
    )
    return [
        field.name
        for field in schema
        if field.name in ours  # many writers do not say that theirs are UTF-8
        or not (any(is_kind(field.type) for is_kind in binary) or field.name.startswith("__"))
    ]


def _rows(batch: "pa.RecordBatch") -> Iterator[dict[str, Any] | Unreadable]:
    try:
        yield from batch.to_pylist()
    except (
        ValueError,
        OverflowError,
    ):  # nothing was given out yet: to_pylist makes the whole list first
        for n in range(batch.num_rows):
            yield _row(batch.slice(n, 1))


def _row(one: "pa.RecordBatch") -> dict[str, Any] | Unreadable:
    readable: dict[str, Any] = {}
    error: RowError | None = None
    for name in one.schema.names:
        try:
            readable[name] = one.column(name)[0].as_py()
        except UnicodeDecodeError as cause:
            error = RowError(RowErrorClass.BAD_ENCODING, f"{name} is not UTF-8: {cause}")
        except (ValueError, OverflowError) as cause:  # a time beyond the years 1 to 9999
            error = RowError(RowErrorClass.MALFORMED_ROW, f"{name} cannot be read: {cause}")
    return Unreadable(error=error, readable=readable) if error else readable
