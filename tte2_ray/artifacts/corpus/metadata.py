"""The metadata of a row: its own column and every column that is none of ours, as plain JSON."""

import datetime
import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tte2_ray.errors import RowError, RowErrorClass

MAX_METADATA_BYTES = 64 * 1024
"""UTF-8 bytes of an item's metadata as JSON text."""
MAX_METADATA_LEVELS = 32
"""Objects and lists within one another; beyond some hundred Python itself gives up, and where
depends on who calls."""

_TOO_DEEP = "…"


@dataclass(frozen=True, kw_only=True)
class Told:
    """A time, a duration or a decimal number of a Parquet file, as text."""

    kind: str
    """Its type."""
    text: str

    def __str__(self) -> str:
        return self.text


def metadata_of(given: Any, others: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata as JSON has it.

    Args:
        given: the column `metadata`: an object, one as JSON text, or an Arrow map.
        others: further columns; a name that `given` has as well is its.

    Raises:
        RowError: `malformed_row`, `bad_encoding`, `too_large`.
    """
    merged = {**others, **_object(given)}
    if not _within(merged, MAX_METADATA_LEVELS):
        message = f"metadata is nested over {MAX_METADATA_LEVELS} levels deep"
        raise RowError(RowErrorClass.MALFORMED_ROW, message)
    try:
        text = json.dumps(merged, ensure_ascii=False, allow_nan=False, default=_as_json)
    except (TypeError, ValueError) as error:
        raise RowError(RowErrorClass.MALFORMED_ROW, f"metadata: {error}") from error
    if len(checked_text(text, "metadata").encode()) > MAX_METADATA_BYTES:
        message = f"metadata has over {MAX_METADATA_BYTES} bytes as JSON"
        raise RowError(RowErrorClass.TOO_LARGE, message)
    normal: dict[str, Any] = json.loads(text)
    return normal


def checked_text(text: str, name: str) -> str:
    """The text itself, if UTF-8 can say it.

    Args:
        text: from a row.
        name: of its column, for the message.

    Raises:
        RowError: `bad_encoding`.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = f"{name} has half of a surrogate pair, which UTF-8 cannot say"
        raise RowError(RowErrorClass.BAD_ENCODING, message) from error
    return text


def shallow(value: Any, levels: int = MAX_METADATA_LEVELS) -> Any:
    """The value without what lies deeper in it: a row of any depth can be kept as JSON.

    >>> shallow({"a": [1, [2, [3]]]}, 2)
    {'a': [1, '…']}
    """
    if not isinstance(value, Mapping | list | tuple):
        return value
    if not levels:
        return _TOO_DEEP
    if isinstance(value, Mapping):
        return {name: shallow(each, levels - 1) for name, each in value.items()}
    return [shallow(each, levels - 1) for each in value]


def _object(given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        try:
            given = json.loads(given) if given.strip() else {}
        except (ValueError, RecursionError) as error:
            message = f"metadata is not JSON: {error}"
            raise RowError(RowErrorClass.MALFORMED_ROW, message) from error
    if isinstance(given, list):  # an Arrow map comes as pairs
        given = dict(given) if all(_is_pair(each) for each in given) else None
    if not isinstance(given, Mapping):
        raise RowError(RowErrorClass.MALFORMED_ROW, "metadata must be an object")
    return dict(given)


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], Hashable)


def _within(value: Any, levels: int) -> bool:
    """Whether what lies in the value is nested no deeper."""
    if not isinstance(value, Mapping | list | tuple):
        return True
    inner: Iterable[Any] = value.values() if isinstance(value, Mapping) else value
    return levels > 0 and all(_within(each, levels - 1) for each in inner)


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, Decimal | datetime.timedelta | Told):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")
