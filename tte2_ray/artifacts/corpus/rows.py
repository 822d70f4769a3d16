"""One row of a manifest: a mapping of unknown quality in, an `Item` or a typed row error out.

Columns: `item_id` (text or a whole number) and any of `text`, `image_uri`, `image_uris`,
`video_uri`, `document_uri`, the page of the document, `metadata` (an object, or one as JSON text).

The page is `page`, counted from 1 as in `#page=<n>` of PDF links and in the ids of a folder of
files, or `document_page`, counted from 0; where both stand it is `document_page`, where neither
does it is the first, and a note says of how many. Bytes in a column of ours are UTF-8, which
Parquet need not say.

A row with `deleted: true` says that the item of this id is no more; what else it holds is passed
over.

Every other column is kept in `metadata` under its name, where `metadata` itself does not have that
name; so is `page`. null and NaN stand for "nothing". Metadata may use JSON's types; dates become
ISO text.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tte2_ray.artifacts.corpus.metadata import Told, checked_text, metadata_of, shallow
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.schema import ITEM_ID_MAX_BYTES, Item, check_item_id

MAX_RAW_CHARS = 64 * 1024
"""Characters of a rejected row that are kept."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

COLUMNS = frozenset(
    (
        "item_id",
        "text",
        "image_uri",
        "image_uris",
        "video_uri",
        "document_uri",
        "document_page",
        "metadata",
    )
)
"""What a row may say of an item; see above."""
DELETED = "deleted"
"""Of a corpus alone; a query log has no tombstones."""


@dataclass(frozen=True, kw_only=True)
class RejectedRow:
    """A row of the corpus that is no item; it goes to the dead-letter table."""

    item_id: str
    """As far as it could be read, else ""."""
    error_class: RowErrorClass
    message: str
    """What was wrong and where: file and line or row, counted from 1."""
    row: str
    """What was read, as JSON (as it stood, where it is none); cut at `MAX_RAW_CHARS`, and without
    what lies deeper than `shallow` goes."""


@dataclass(frozen=True, kw_only=True)
class Tombstone:
    """A row that says that an item is no more."""

    item_id: str
    where: str
    """File and line or row, counted from 1."""

    def to_row(self) -> dict[str, Any]:
        """As a manifest has it."""
        return {"item_id": self.item_id, DELETED: True}


CorpusRow = Item | RejectedRow | Tombstone


def accept(where: str, row: Any, resolve: Callable[[str], str]) -> CorpusRow:
    """Parse a row, and turn a row error into a `RejectedRow`.

    Args:
        where: file and line, for the message.
        row: what the reader found there.
        resolve: makes a URI absolute; may raise a row error.
    """
    try:
        if not isinstance(row, Mapping):
            return parse_row(row, resolve)
        if _is_deleted(row.get(DELETED)):
            return Tombstone(item_id=_item_id(row.get("item_id"), "item_id"), where=where)
        return parse_row({k: v for k, v in row.items() if k != DELETED}, resolve)
    except RowError as error:
        return reject(where, error, row)


def reject(where: str, error: RowError, row: Any, *, id_column: str = "item_id") -> RejectedRow:
    """The `RejectedRow` of a row error; `row` may be text that was not understood."""
    kept = shallow(row)
    raw = kept if isinstance(kept, str) else json.dumps(kept, ensure_ascii=False, default=repr)
    return RejectedRow(
        item_id=_storable(_readable_id(row, id_column))[:ITEM_ID_MAX_BYTES],
        error_class=error.error_class,
        message=_storable(f"{where}: {error.message}"),
        row=_storable(raw[:MAX_RAW_CHARS]),
    )


def parse_row(row: Any, resolve: Callable[[str], str], *, id_column: str = "item_id") -> Item:
    """The item of a row.

    Args:
        row: columns by name.
        resolve: makes a URI absolute.
        id_column: that names the item; `query_id` in a query log.

    Raises:
        RowError: `bad_id`, `malformed_row`, `bad_encoding`, `too_large`, `empty_row`.
    """
    if not isinstance(row, Mapping):
        raise RowError(RowErrorClass.MALFORMED_ROW, f"a row is an object, not {_kind(row)}")
    ours = COLUMNS | {id_column}
    cells = {
        name: _decoded(value, name) if name in ours else value
        for name, value in row.items()
        if not _is_nothing(value)
    }
    item = Item(
        item_id=_item_id(cells.get(id_column), id_column),
        text=_text(cells, "text"),
        image_uris=tuple(resolve(uri) for uri in _image_uris(cells)),
        video_uri=_uri(cells, "video_uri", resolve),
        document_uri=_uri(cells, "document_uri", resolve),
        document_page=_page(cells),
        metadata=metadata_of(
            cells.get("metadata", {}), {k: v for k, v in cells.items() if k not in ours}
        ),
    )
    if item.is_empty:
        raise RowError(RowErrorClass.EMPTY_ROW, "neither text nor media")
    return item


def _is_deleted(value: Any) -> bool:
    if _is_nothing(value) or isinstance(value, bool):
        return value is True
    message = f"deleted is true or false, not {_kind(value)}"
    raise RowError(RowErrorClass.MALFORMED_ROW, message)


def _readable_id(row: Any, id_column: str) -> str:
    """As far as there is one."""
    named = row.get(id_column) if isinstance(row, Mapping) else ""
    if isinstance(named, bytes):
        with suppress(UnicodeDecodeError):
            return named.decode()
    return named if isinstance(named, str) else ""


def _decoded(value: Any, name: str) -> Any:
    """The text that bytes, or the bytes in a list, stand for; anything else as it is."""
    if isinstance(value, list):
        return [_decoded(each, name) if isinstance(each, bytes) else each for each in value]
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise RowError(RowErrorClass.BAD_ENCODING, f"{name} is not UTF-8: {error}") from error


def _item_id(value: Any, name: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        found = "is missing or empty" if value is None or value == "" else f"is {_kind(value)}"
        raise RowError(RowErrorClass.BAD_ID, f"{name} {found}; it must be text or a whole number")
    check_item_id(checked_text(value, name), name)
    if _CONTROL.search(value):
        raise RowError(RowErrorClass.BAD_ID, f"{name} {value!a} has control characters")
    return value


def _text(cells: Mapping[str, Any], name: str) -> str:
    value = cells.get(name, "")
    if not isinstance(value, str):
        raise RowError(RowErrorClass.MALFORMED_ROW, f"{name} must be text, not {_kind(value)}")
    return checked_text(value, name)


def _uri(cells: Mapping[str, Any], name: str, resolve: Callable[[str], str]) -> str:
    value = _text(cells, name)
    return resolve(_plain(value, name)) if value else ""


def _image_uris(cells: Mapping[str, Any]) -> list[str]:
    one = _text(cells, "image_uri")
    many = cells.get("image_uris", [])
    if isinstance(many, str):
        many = [many] if many else []
    if not isinstance(many, list | tuple) or not all(isinstance(uri, str) and uri for uri in many):
        raise RowError(RowErrorClass.MALFORMED_ROW, "image_uris must be a list of URIs")
    return [_plain(uri, "image_uris") for uri in ([one] if one else []) + list(many)]


def _plain(uri: str, name: str) -> str:
    if not uri.strip() or _CONTROL.search(uri):
        raise RowError(RowErrorClass.MALFORMED_ROW, f"{name} {uri[:200]!a} is no URI")
    return checked_text(uri, name)


def _page(cells: Mapping[str, Any]) -> int:
    """Zero-based."""
    if "document_page" in cells or "page" not in cells or not cells.get("document_uri"):
        return _whole(cells.get("document_page", 0), "document_page", least=0)
    return _whole(cells["page"], "page", least=1) - 1


def _whole(value: Any, name: str, least: int) -> int:
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number < 2**31:
        found = ascii(value)[:40] if isinstance(value, str | int | float) else _kind(value)
        message = f"{name} counts from {least} and must be a whole number, not {found}"
        raise RowError(RowErrorClass.MALFORMED_ROW, message)
    return number


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _kind(value: Any) -> str:
    if isinstance(value, Told):
        return value.kind
    return "empty" if value is None else type(value).__name__
