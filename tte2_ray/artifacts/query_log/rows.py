"""One row of a query log: a mapping of unknown quality in, a `LogRow` or a typed row error out.

Columns: `query_id` (text or a whole number) and any of `text`, `image_uri`, `image_uris`,
`video_uri`, `document_uri`, its `page` or `document_page`, as in a corpus; `instruction` (the task;
that of the configuration where there is none), `candidates` or `pool` (ids of the items that may
answer, in order; the whole index where there are none), `time` and `count` (how often it was asked,
1). Other columns are passed over.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from tte2_ray.artifacts.corpus.rows import COLUMNS, parse_row
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.schema import Item, check_item_id

ID_COLUMN: Final = "query_id"
_OF_ITEM: Final = (COLUMNS - {"item_id", "metadata"}) | {"page", ID_COLUMN}
LOG_COLUMNS: Final = _OF_ITEM | {"instruction", "candidates", "pool", "time", "count"}
"""What a row may say of a query."""
MAX_CANDIDATES: Final = 16_384
"""Of one query: the most that Milvus gives for one."""
MAX_INSTRUCTION_CHARS: Final = 8_192
MAX_TIME_CHARS: Final = 256


@dataclass(frozen=True, kw_only=True)
class LogRow:
    """One query of a log."""

    given: Item
    """Its words and media; `item_id` is the id of the query."""
    instruction: str = ""
    """The task; "" for that of the configuration."""
    candidates: tuple[str, ...] = ()
    """Ids of the items that may answer it; empty for the whole index."""
    time: str = ""
    """As it stood in the log."""
    count: int = 1
    """How often it was asked."""

    @property
    def query_id(self) -> str:
        """Of the query."""
        return self.given.item_id


def parse_log_row(row: Any, resolve: Callable[[str], str]) -> LogRow:
    """The query of a row.

    Args:
        row: columns by name.
        resolve: makes a URI absolute.

    Raises:
        RowError: `bad_id`, `malformed_row`, `bad_encoding`, `too_large`, `empty_row`.
    """
    if not isinstance(row, Mapping):
        raise RowError(RowErrorClass.MALFORMED_ROW, f"a row is an object, not {type(row).__name__}")
    of_item = {name: value for name, value in row.items() if name in _OF_ITEM}
    given = parse_row(of_item, resolve, id_column=ID_COLUMN)
    return LogRow(
        given=replace(given, metadata={}),  # `page` is kept in it
        instruction=_text(row.get("instruction"), "instruction", MAX_INSTRUCTION_CHARS),
        candidates=_candidates(row.get("candidates")) or _candidates(row.get("pool")),
        time=_time(row.get("time")),
        count=_count(row.get("count")),
    )


def _text(value: Any, name: str, most: int) -> str:
    if _is_nothing(value):
        return ""
    if isinstance(value, bytes):
        with suppress(UnicodeDecodeError):
            value = value.decode()
    if not isinstance(value, str):
        message = f"{name} must be text, not {type(value).__name__}"
        raise RowError(RowErrorClass.MALFORMED_ROW, message)
    if len(value) > most:
        message = f"{name} has {len(value)} characters; {most} are the most"
        raise RowError(RowErrorClass.TOO_LARGE, message)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        message = f"{name} has half of a surrogate pair, which UTF-8 cannot say"
        raise RowError(RowErrorClass.BAD_ENCODING, message) from error
    return value


def _candidates(value: Any) -> tuple[str, ...]:
    """Distinct ids, as they were ordered; also of a list that is written as JSON text."""
    if _is_nothing(value) or value == "":
        return ()
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            message = f"candidates is text, but no list in JSON: {error}"
            raise RowError(RowErrorClass.MALFORMED_ROW, message) from error
    if not isinstance(value, list | tuple):
        message = f"candidates must be a list of item ids, not {type(value).__name__}"
        raise RowError(RowErrorClass.MALFORMED_ROW, message)
    if len(value) > MAX_CANDIDATES:
        message = f"{len(value)} candidates; {MAX_CANDIDATES} are the most"
        raise RowError(RowErrorClass.TOO_LARGE, message)
    return tuple(dict.fromkeys(_candidate(each) for each in value))


def _candidate(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        message = f"candidates holds {type(value).__name__}, which is no item id"
        raise RowError(RowErrorClass.MALFORMED_ROW, message)
    check_item_id(value, "an id of candidates,")
    return value


def _time(value: Any) -> str:
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    told = isinstance(value, str | bytes | list | dict) or _is_nothing(value)
    return _text(value if told else str(value), "time", MAX_TIME_CHARS)


def _count(value: Any) -> int:
    if _is_nothing(value):
        return 1
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number < 2**63:
        message = f"count must be a whole number from 1, not {ascii(value)[:40]}"
        raise RowError(RowErrorClass.MALFORMED_ROW, message)
    return number


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)
