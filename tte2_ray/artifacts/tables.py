"""Tables in the store: Parquet under an explicit schema, checked when written and when read."""

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ValidationError
from tte2_ray.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    import pyarrow as pa

NAME_FIELD = b"tte2_ray.schema"
VERSION_FIELD = b"tte2_ray.schema_version"
ROWS_PER_GROUP = 1024


def write_table(
    store: Store,
    key: str,
    table: "pa.Table",
    schema: "pa.Schema | None" = None,
) -> bool:
    """Write a table whole, unless there is one; whether this call wrote it.

    Args:
        store: where to.
        key: of the Parquet object.
        table: at most a shard of rows, as it is encoded in memory.
        schema: one of `tte2_ray.schema`; the columns are put into its order and types. Without it
            the table itself must carry one (Ray's blocks lose it).

    Raises:
        ValidationError: a column is missing, left over, of another type, or null.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    conformed = _conform(table, schema if schema is not None else table.schema, store.uri(key))
    buffer = io.BytesIO()
    # No float of a vector comes again: a dictionary of them would take half as much once more.
    flat = [field.name for field in conformed.schema if not pa.types.is_nested(field.type)]
    pq.write_table(conformed, buffer, compression="zstd", row_group_size=ROWS_PER_GROUP,
                   use_dictionary=flat)  # fmt: skip
    return store.put_once(key, buffer.getvalue())


def read_table(
    store: Store, key: str, schema: "pa.Schema", *, columns: Sequence[str] = ()
) -> "pa.Table":
    """Read a whole table, at most a shard of rows.

    Args:
        store: where it lies.
        key: of the Parquet object.
        schema: what it must be, one of `tte2_ray.schema`.
        columns: to read, where not all are wanted; each costs about as much as 10 rows.

    Raises:
        ResourceMissingError: there is no such object.
        ValidationError: not Parquet, or another schema, or another version of it.
    """
    import pyarrow as pa

    wanted = pa.schema([schema.field(name) for name in columns], schema.metadata)
    batches = iter_table(store, key, schema, columns=columns)
    return pa.Table.from_batches(batches, wanted if columns else schema)


def iter_table(
    store: Store,
    key: str,
    schema: "pa.Schema",
    *,
    columns: Sequence[str] = (),
    rows_per_batch: int = ROWS_PER_GROUP,
) -> "Iterator[pa.RecordBatch]":
    """Read a table of any size batch by batch; arguments and errors as `read_table`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    uri = store.uri(key)
    with store.open(key) as file:
        try:
            parquet = pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
            check_schema(parquet.schema_arrow, schema, uri)
            yield from parquet.iter_batches(
                rows_per_batch, columns=list(columns) or None, use_threads=False
            )
        except pa.ArrowInvalid as error:
            raise ValidationError(f"{uri}: not a readable Parquet file: {error}") from error


def check_schema(found: "pa.Schema", expected: "pa.Schema", uri: str) -> None:
    """See that a file has the fields, the name and the version of a schema.

    Raises:
        ValidationError: it has not.
    """
    name, version = _stamp(found)
    expected_name, expected_version = _stamp(expected)
    if (name, version) != (expected_name, expected_version):
        raise ValidationError(
            f"{uri}: holds {name or 'no'} rows of version {version or 'none'}, but this code "
            f"reads {expected_name} rows of version {expected_version}; write it anew"
        )
    if not found.equals(expected):
        differing = sorted(set(found.names) ^ set(expected.names)) or "types"
        raise ValidationError(f"{uri}: its {expected_name} columns differ: {differing}")


def _conform(table: "pa.Table", schema: "pa.Schema", uri: str) -> "pa.Table":
    import pyarrow as pa

    if _stamp(schema)[1] != SCHEMA_VERSION:
        raise ValidationError(f"{uri}: a table needs a schema of tte2_ray.schema to be written")
    if set(table.schema.names) != set(schema.names):
        differing = sorted(set(table.schema.names) ^ set(schema.names))
        raise ValidationError(f"{uri}: columns missing or left over: {differing}")
    for field in schema:
        if not field.nullable and table.column(field.name).null_count:
            raise ValidationError(f'{uri}: column {field.name} has nulls; "" stands for nothing')
    try:
        return table.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise ValidationError(f"{uri}: columns of another type: {error}") from error


def _stamp(schema: "pa.Schema") -> tuple[str, str]:
    metadata = schema.metadata or {}
    return metadata.get(NAME_FIELD, b"").decode(), metadata.get(VERSION_FIELD, b"").decode()
