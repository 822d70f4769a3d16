"""JSONL manifests, plain or gzipped: an object a line; blank lines are no rows."""

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import IO, cast

from tte2_ray.artifacts.corpus.rows import CorpusRow, accept, reject
from tte2_ray.artifacts.corpus.source import resolver
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import RowError, RowErrorClass, ValidationError

MAX_LINE_BYTES = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


def read_jsonl(store: Store, key: str) -> Iterator[tuple[str, CorpusRow]]:
    """Where, and what: the rows of one file, a line in memory at a time.

    Raises:
        ValidationError: the gzip stream is broken.
    """
    resolve = resolver(store.uri(key))
    with store.open(key) as file:
        stream = cast(IO[bytes], gzip.GzipFile(fileobj=file) if key.endswith(".gz") else file)
        try:
            for number, line in enumerate(_lines(stream), start=1):
                where = f"{store.uri(key)}:{number}"
                if line is None or line.strip():
                    try:
                        row = _parse(line)
                    except RowError as error:
                        yield where, reject(where, error, _salvaged(line))
                        continue
                    yield where, accept(where, row, resolve)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            message = f"{store.uri(key)}: the gzip stream breaks off: {error}"
            raise ValidationError(message) from error


def _lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Each line, None for one that is too long; its rest is read over."""
    line = stream.readline(MAX_LINE_BYTES).removeprefix(_BOM)
    while line:
        if line.endswith(b"\n") or len(line) < MAX_LINE_BYTES - len(_BOM):
            yield line
        else:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE_BYTES)
            yield None
        line = stream.readline(MAX_LINE_BYTES)


def _parse(line: bytes | None) -> object:
    if line is None:
        raise RowError(RowErrorClass.TOO_LARGE, f"the line is over {MAX_LINE_BYTES} bytes")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise RowError(RowErrorClass.BAD_ENCODING, f"not UTF-8: {error}") from error
    try:
        row: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RowError(RowErrorClass.MALFORMED_ROW, f"not JSON: {error}") from error
    return row


def _salvaged(line: bytes | None) -> object:
    """What can be kept of a line that is not understood: its object, so that the id is known."""
    text = (line or b"").decode(errors="replace").strip()
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, dict) else text
