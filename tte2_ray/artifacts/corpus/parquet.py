"""Parquet manifests, read by a child process: a few bytes of Parquet may stand for as many rows and
as long values as a stranger likes, and only the kernel bounds what pyarrow sets aside for them.

    parent ── what is wanted ─▶ child: pyarrow (`parquet_child`)
      open ◀─ which bytes ─────
           ── bytes ──────────▶
    parsed ◀─ rows as JSON ────

The child has no credentials: it asks for the bytes of the file, wherever that lies.
"""

import atexit
import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NoReturn

from tte2_ray.artifacts.corpus.parquet_frames import check_frame, rows_of, wanted_bytes
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ValidationError
from tte2_ray.media.isolated.children import Children
from tte2_ray.media.isolated.process import ChildProcess
from tte2_ray.media.isolated.wire import Header, WireError

MAX_MEMORY_MB = 2048
"""MiB that a child may take. pyarrow holds a page of each column, packed and not, and a batch of
rows; the largest pages of sane writers are whole columns of row groups, some hundred MiB."""
TIMEOUT_S = 600.0
"""Until the next rows are there."""

_CHILD = "tte2_ray.artifacts.corpus.parquet_child"
_ADVICE = "write it anew with smaller row groups, pages and values, or as JSONL"


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
        ValidationError: not Parquet, broken, without `id_column`, or beyond the bounds.
    """
    uri = store.uri(key)
    with store.open(key) as file, _readers.lent() as child:
        reading = _Reading(child, file, uri)
        yield from reading.rows({
            "id_column": id_column,
            "ours": sorted(ours),
            "size": file.seek(0, os.SEEK_END),
            "memory_mb": MAX_MEMORY_MB,
        })  # fmt: skip
    if reading.broken:
        raise ValidationError(f"{uri}: {reading.broken}")


class _Reading:
    """One file, and the child that reads it."""

    def __init__(self, child: ChildProcess, file: BinaryIO, uri: str) -> None:
        self.broken = ""
        """What is wrong with the file, where the child is sound."""
        self._child, self._file, self._uri = child, file, uri
        self._number = 0

    def rows(self, wanted: Header) -> Iterator[tuple[str, Any]]:
        with self._blamed():
            self._child.say(wanted, b"", time.monotonic() + TIMEOUT_S)
        header, rows = self._next()
        while rows:
            for row in rows:
                self._number += 1
                yield f"{self._uri} row {self._number}", row
            header, rows = self._next()
        if "too_large" in header:
            self._refuse(f"it takes over {MAX_MEMORY_MB} MiB to read on ({header['too_large']})")
        self.broken = str(header.get("broken", ""))

    def _next(self) -> tuple[Header, list[Any]]:
        """The next rows, or what the child says at the end."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            with self._blamed():
                header, body = self._child.hear(deadline, check_frame)
                if "rows" in header:  # it makes the next ones, while these are looked at
                    self._child.say({}, b"", deadline)
                if "read" not in header:
                    return header, rows_of(header, body)
                at, count = wanted_bytes(header)
            self._file.seek(at)
            data = self._file.read(count)
            with self._blamed():
                self._child.say({}, data, deadline)

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """Whatever becomes of the child is the file's doing."""
        try:
            yield
        except TimeoutError:
            self._refuse(f"no row came in {TIMEOUT_S:.0f} s")
        except (WireError, OSError) as error:
            how = self._child.how_it_ended(error, "reader")
            self._refuse(f"{how}, where it may take {MAX_MEMORY_MB} MiB")

    def _refuse(self, found: str) -> NoReturn:
        message = f"{self._uri}: not readable behind row {self._number}: {found}; {_ADVICE}"
        raise ValidationError(message)


_readers = Children(_CHILD)


def _begin_anew() -> None:
    global _readers
    _readers.forget()
    _readers = Children(_CHILD)


os.register_at_fork(after_in_child=_begin_anew)
atexit.register(lambda: _readers.end())
