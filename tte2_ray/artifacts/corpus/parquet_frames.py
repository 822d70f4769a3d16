"""Rows of a Parquet file as frames, and back: made by a child, believed by no parent.

A body is a list of rows in JSON. What JSON has no words for is marked, as in
`{"\\0": ["bytes", "4pyT"]}`: a row is judged by the types of its values.
"""

import base64
import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from tte2_ray.artifacts.corpus.metadata import Told
from tte2_ray.artifacts.corpus.raw import MAX_LINE_BYTES, Unreadable
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.isolated.wire import Header, WireError

MAX_READ = 4 << 20
"""Bytes of the file that are asked for at once."""
_FULL = 1 << 20
"""Bytes of rows that fill a body."""
_MARK = "\0"
_MAX_KEPT = 1024
"""Characters of a value of a row that is too long."""


def bodies(rows: Iterable[Mapping[str, Any] | Unreadable], has_maps: bool) -> Iterator[bytes]:
    """The rows as bodies; one that is longer than a line of JSONL may be is refused.

    Args:
        rows: as pyarrow gives them.
        has_maps: whether maps are among their values: pairs, which JSON would make lists.
    """
    lines: list[bytes] = []
    size = 0
    for row in rows:
        line = _line(row, has_maps)
        if size + len(line) > _FULL and lines:
            yield b"[%s]" % b",".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield b"[%s]" % b",".join(lines)


def check_frame(header: Header, body_bytes: int) -> None:
    """Refuses the length of a body.

    Raises:
        WireError: no reader answers that.
    """
    if body_bytes > (MAX_LINE_BYTES + 2 if "rows" in header else 0):
        raise WireError(f"its answer has {body_bytes} bytes")


def rows_of(header: Header, body: bytes | bytearray) -> list[Any]:
    """The rows of a body: mappings, or an `Unreadable`; none where the header has none.

    Raises:
        WireError: no reader answers that.
    """
    if "rows" not in header:
        return []
    try:
        # Most rows need no marks, and to look for them takes longer than to read the row.
        rows = json.loads(body, object_hook=_unmarked if b"\\u0000" in body else None)
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise WireError("its rows are no JSON") from error
    if not isinstance(rows, list) or not rows:
        raise WireError("its rows are no list")
    return rows


def wanted_bytes(header: Header) -> tuple[int, int]:
    """Which bytes of the file are asked for: where they begin, and how many.

    Raises:
        WireError: no reader asks that.
    """
    match header["read"]:
        case [int(at), int(count)] if 0 <= at < 2**63 and 0 < count <= MAX_READ:
            return at, count
    raise WireError("it asks for bytes that there cannot be")


def _line(row: Mapping[str, Any] | Unreadable, has_maps: bool) -> bytes:
    try:
        line = _encoder.encode(_with_pairs(row) if has_maps else row).encode()
        if len(line) <= MAX_LINE_BYTES:
            return line
        message = f"the row has {len(line)} bytes as JSON, over {MAX_LINE_BYTES}"
        error = RowError(RowErrorClass.TOO_LARGE, message)
    except (TypeError, ValueError, RecursionError) as cause:
        error = RowError(RowErrorClass.MALFORMED_ROW, f"the row is not JSON: {cause}")
    return _encoder.encode(Unreadable(error=error, readable=_short(row))).encode()


def _short(row: Mapping[str, Any] | Unreadable) -> dict[str, Any]:
    """What is short in a row, so that its id is known."""
    readable = row.readable if isinstance(row, Unreadable) else row
    return {
        name: value
        for name, value in list(readable.items())[:_MAX_KEPT]
        if isinstance(value, str | bytes | int) and len(name + str(value)) < _MAX_KEPT
    }


def _with_pairs(value: Any) -> Any:
    """The value with its tuples marked, which JSON would take for lists."""
    if isinstance(value, Unreadable):
        return Unreadable(error=value.error, readable=_with_pairs(value.readable))
    if isinstance(value, dict):
        return {name: _with_pairs(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_pairs(each) for each in value]
    if isinstance(value, tuple):
        return {_MARK: ["pair", [_with_pairs(each) for each in value]]}
    return value


def _marked(value: Any) -> dict[str, Any]:
    match value:
        case bytes():
            told: list[Any] = ["bytes", base64.b64encode(value).decode()]
        case datetime.datetime() | datetime.date() | datetime.time():
            told = ["told", type(value).__name__, value.isoformat()]
        case Decimal() | datetime.timedelta():
            told = ["told", type(value).__name__, str(value)]
        case Unreadable():
            told = ["row", value.error.error_class, value.error.message, value.readable]
        case _:
            raise TypeError(f"{type(value).__name__} cannot be stored as JSON")
    return {_MARK: told}


def _unmarked(value: dict[str, Any]) -> Any:
    if value.keys() != {_MARK}:
        return value
    match value[_MARK]:
        case ["bytes", str(text)]:
            return base64.b64decode(text)
        case ["pair", [key, each]]:
            return key, each
        case ["told", str(kind), str(text)]:
            return Told(kind=kind, text=text)
        case ["row", str(kind), str(message), dict(readable)]:
            return Unreadable(error=RowError(RowErrorClass(kind), message), readable=readable)
    raise ValueError("an unknown mark")


_encoder = json.JSONEncoder(ensure_ascii=False, default=_marked)
