"""JSONL manifests, plain or gzipped: an object a line; blank lines are no rows."""

import json
from collections.abc import Iterator
from typing import Any

from tte2_ray.artifacts.corpus.raw import MAX_LINE_BYTES, Unreadable, text_lines
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import RowError, RowErrorClass


def jsonl_rows(store: Store, key: str) -> Iterator[tuple[str, Any]]:
    """Where, and what: the rows of one file, a line in memory at a time.

    Yields:
        File and line, and what JSON says there, or an `Unreadable`.

    Raises:
        ValidationError: the gzip stream is broken.
    """
    with text_lines(store, key) as lines:
        for number, line in enumerate(lines, start=1):
            if line is None or line.strip():
                yield f"{store.uri(key)}:{number}", _parse(line)


def decoded_line(line: bytes | None) -> str:
    """A line as text.

    Args:
        line: from `text_lines`.

    Raises:
        RowError: `too_large`, it was too long to be read; `bad_encoding`.
    """
    if line is None:
        raise RowError(RowErrorClass.TOO_LARGE, f"the line is over {MAX_LINE_BYTES} bytes")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise RowError(RowErrorClass.BAD_ENCODING, f"not UTF-8: {error}") from error


def _parse(line: bytes | None) -> Any:
    try:
        text = decoded_line(line)
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RowError(RowErrorClass.MALFORMED_ROW, f"not JSON: {error}") from error
    except RowError as error:
        return Unreadable(error=error, readable=_salvaged(line))


def _salvaged(line: bytes | None) -> Any:
    """What can be kept of a line that is not understood: its object, so that the id is known."""
    text = (line or b"").decode(errors="replace").strip()
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, dict) else text
