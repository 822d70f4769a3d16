"""What the child process of `parquet` does: it reads the files that its parent asks for.

Started as `python -m tte2_ray.artifacts.corpus.parquet_child PARENT`, its socket as standard input.
What pyarrow does not survive ends it; its parent starts another.
"""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.corpus.parquet_frames import MAX_READ, bodies
from tte2_ray.artifacts.corpus.raw import Unreadable
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.isolated.child import bound_memory, prepare
from tte2_ray.media.isolated.wire import FOR_EVER, Header, WireError, receive, send

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_BATCH = 1024
ROWS_PER_BYTE = 256
"""Of a file, on average: nulls and equal values take no room, and there may be 2**63 of them."""
_FULL = 4 << 20
"""Bytes of columns that are made rows at once."""


def main() -> None:
    """Serves the parent whose process id stands on the command line."""
    prepare(int(sys.argv[1]))
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())  # others set aside more than they are asked for
    with suppress(ConnectionError, WireError):  # the parent is gone
        parent = socket.socket(fileno=0)
        send(parent, {"ready": True}, b"", FOR_EVER)
        while True:
            wanted, _ = receive(parent, FOR_EVER, _believe)
            bound_memory(wanted["memory_mb"])
            send(parent, _read(parent, wanted), b"", FOR_EVER)


def _read(parent: socket.socket, wanted: Header) -> Header:
    """Sends the rows of a file, and returns what is left to say."""
    import pyarrow as pa

    try:
        for body in _bodies(_TheirFile(parent, wanted["size"]), wanted):
            ask(parent, {"rows": True}, body)
    except MemoryError as error:
        return {"too_large": _line(error)}
    except (ConnectionError, WireError):
        raise
    except _Refused as error:
        return {"broken": _line(error)}
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last: of a name
        # As some of its readers say that there is none left.
        kind = "too_large" if "malloc" in str(error) or "bad_alloc" in str(error) else "broken"
        return {kind: f"not a readable Parquet file: {_line(error)}"}
    return {}


def ask(parent: socket.socket, header: Header, body: bytes = b"") -> bytearray:
    """What the parent says to a frame: the bytes of a file, or nothing, that it goes on."""
    send(parent, header, body, FOR_EVER)
    return receive(parent, FOR_EVER, _believe)[1]


def _believe(header: Header, body_bytes: int) -> None:
    """What a parent says is sound."""


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:1000] or type(error).__name__


class _Refused(Exception):
    """A file that pyarrow can read, and nobody wants to."""


class _TheirFile:
    """A file that the parent has open, as pyarrow reads it."""

    closed = False

    def __init__(self, parent: socket.socket, size: int) -> None:
        self._parent, self._size, self._at = parent, size, 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = begin + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def size(self) -> int:
        return self._size

    def read(self, count: int = -1) -> bytes:
        left = max(0, self._size - self._at)
        end = self._at + (left if count < 0 else min(count, left))
        pieces = []
        while self._at < end:
            wanted = {"read": [self._at, min(MAX_READ, end - self._at)]}
            piece = ask(self._parent, wanted)
            if not piece:
                break
            self._at += len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Its parent closes it."""


def _bodies(file: _TheirFile, wanted: Header) -> Iterator[bytes]:
    import pyarrow.parquet as pq

    parquet = pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
    columns = _columns(parquet.schema_arrow, wanted["id_column"], wanted["ours"])
    has_maps = "map<" in str(parquet.schema_arrow)
    most, number = ROWS_PER_BYTE * wanted["size"], 0
    for batch in parquet.iter_batches(ROWS_PER_BATCH, columns=columns, use_threads=False):
        number += batch.num_rows
        if number > most:
            raise _Refused(
                f"over {most} rows in {wanted['size']} bytes; no two of them may be alike"
            )
        for piece in _pieces(batch):
            yield from bodies(_rows(piece), has_maps)


def _columns(schema: "pa.Schema", id_column: str, ours: list[str]) -> list[str]:
    import pyarrow.types as types

    if id_column not in schema.names:
        raise _Refused(f"no column {id_column}; its columns are {schema.names[:20]}")
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


def _pieces(batch: "pa.RecordBatch") -> Iterator["pa.RecordBatch"]:
    rows = max(1, batch.num_rows * _FULL // max(_FULL, batch.nbytes))
    return (batch.slice(at, rows) for at in range(0, batch.num_rows, rows))


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


if __name__ == "__main__":
    main()
