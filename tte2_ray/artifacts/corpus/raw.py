"""Rows of a file as they stand in it: no one has asked yet what they mean."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast

from tte2_ray.artifacts.store import Store
from tte2_ray.errors import RowError, ValidationError

MAX_LINE_BYTES = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A row that cannot be read, and what of it can: so that its id is known."""

    error: RowError
    readable: Any


@contextmanager
def text_lines(store: Store, key: str) -> Iterator[Iterator[bytes | None]]:
    """The lines of a file, plain or gzipped (`.gz`), one in memory at a time.

    Yields:
        Each line with its end, without a byte order mark; None for one above `MAX_LINE_BYTES`,
        whose rest is read over.

    Raises:
        ValidationError: the gzip stream is broken.
    """
    with store.open(key) as file:
        stream = cast(IO[bytes], gzip.GzipFile(fileobj=file) if key.endswith(".gz") else file)
        try:
            yield _lines(stream)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            message = f"{store.uri(key)}: the gzip stream breaks off: {error}"
            raise ValidationError(message) from error


def _lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    line = stream.readline(MAX_LINE_BYTES).removeprefix(_BOM)
    while line:
        if line.endswith(b"\n") or len(line) < MAX_LINE_BYTES - len(_BOM):
            yield line
        else:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE_BYTES)
            yield None
        line = stream.readline(MAX_LINE_BYTES)
