"""Parquet manifests, a small batch in memory at a time."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.corpus.rows import COLUMNS, CorpusRow, accept, reject
from tte2_ray.artifacts.corpus.source import resolver
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import RowError, RowErrorClass, ValidationError

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_BATCH = 1024


def read_parquet(store: Store, key: str) -> Iterator[tuple[str, CorpusRow]]:
    """Where, and what: the rows of one file, without binary columns that are not ours (pixels).

    Raises:
        ValidationError: not Parquet, broken, or without a column `item_id`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    uri = store.uri(key)
    resolve = resolver(uri)
    with store.open(key) as file:
        try:
            parquet = pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
            columns = _columns(parquet.schema_arrow, uri)
            number = 0
            for batch in parquet.iter_batches(ROWS_PER_BATCH, columns=columns, use_threads=False):
                for row in _rows(batch):
                    number += 1
                    where = f"{uri} row {number}"
                    if isinstance(row, _Undecodable):
                        yield where, reject(where, row.error, row.readable)
                    else:
                        yield where, accept(where, row, resolve)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise ValidationError(f"{uri}: not a readable Parquet file: {error}") from error


def _columns(schema: "pa.Schema", uri: str) -> list[str]:
    import pyarrow.types as types

    if "item_id" not in schema.names:
        raise ValidationError(f"{uri}: no column item_id; its columns are {schema.names[:20]}")
    binary = (
        types.is_binary,
        types.is_large_binary,
        types.is_fixed_size_binary,
        types.is_binary_view,
    )
    return [
        field.name
        for field in schema
        if field.name in COLUMNS  # many writers do not say that theirs are UTF-8
        or not (any(is_kind(field.type) for is_kind in binary) or field.name.startswith("__"))
    ]


class _Undecodable:
    """A row with a value that Python cannot hold, and what else of it can be read."""

    def __init__(self, error: RowError, readable: dict[str, Any]) -> None:
        self.error = error
        self.readable = readable


def _rows(batch: "pa.RecordBatch") -> Iterator[dict[str, Any] | _Undecodable]:
    try:
        yield from batch.to_pylist()
    except (
        ValueError,
        OverflowError,
    ):  # nothing was given out yet: to_pylist makes the whole list first
        for n in range(batch.num_rows):
            yield _row(batch.slice(n, 1))


def _row(one: "pa.RecordBatch") -> dict[str, Any] | _Undecodable:
    readable: dict[str, Any] = {}
    error: RowError | None = None
    for name in one.schema.names:
        try:
            readable[name] = one.column(name)[0].as_py()
        except UnicodeDecodeError as cause:
            error = RowError(RowErrorClass.BAD_ENCODING, f"{name} is not UTF-8: {cause}")
        except (ValueError, OverflowError) as cause:  # a time beyond the years 1 to 9999
            error = RowError(RowErrorClass.MALFORMED_ROW, f"{name} cannot be read: {cause}")
    return _Undecodable(error, readable) if error else readable
