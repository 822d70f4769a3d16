"""A corpus as one stream of rows, the first of each id."""

from collections.abc import Iterable, Iterator

from tte2_ray.artifacts.corpus.files import read_file
from tte2_ray.artifacts.corpus.jsonl import jsonl_rows
from tte2_ray.artifacts.corpus.parquet import parquet_rows
from tte2_ray.artifacts.corpus.raw import Unreadable
from tte2_ray.artifacts.corpus.rows import (
    COLUMNS,
    CorpusRow,
    RejectedRow,
    Tombstone,
    accept,
    reject,
)
from tte2_ray.artifacts.corpus.seen import SeenIds
from tte2_ray.artifacts.corpus.source import CorpusFormat, CorpusSource, locate, resolver
from tte2_ray.artifacts.store import Store, check_key
from tte2_ray.errors import ResourceMissingError, RowError, RowErrorClass, ValidationError
from tte2_ray.media.limits import MediaLimits
from tte2_ray.schema import Item


def read_corpus(
    source: str, corpus_format: CorpusFormat = "auto", limits: MediaLimits | None = None
) -> Iterator[CorpusRow]:
    """Stream a corpus, in the same order each time; memory does not grow with its rows.

    Args:
        source: a Parquet or JSONL file (also .gz), a folder or a pattern of them, or a folder of
            media files; a path, `file://` or `s3://`.
        corpus_format: "auto" unless the names mislead, see `source.locate`.
        limits: bound what becomes of one file in a folder of files.

    Returns:
        Items, tombstones, and a `RejectedRow` for each row that is neither; blank lines and hidden
        files are not rows. Of an id that comes twice the first is the item.

    Raises:
        ResourceMissingError: the corpus is missing or has no rows; the first at once, the second
            when the stream ends.
        ConfigError: the format cannot be told.
        ValidationError: a file is broken as a whole.
    """
    rows = _all_rows(locate(source, corpus_format), limits or MediaLimits())
    return _first_of_each(rows, source)


def require_items(rows: Iterable[CorpusRow]) -> Iterator[Item | RejectedRow]:
    """The rows of a corpus that is read whole, in which a tombstone means nothing."""
    for row in rows:
        if isinstance(row, Tombstone):
            message = "a row that deletes needs mode=incremental; leave it out of a whole listing"
            yield reject(row.where, RowError(RowErrorClass.MALFORMED_ROW, message), row.to_row())
        else:
            yield row


def _all_rows(found: CorpusSource, limits: MediaLimits) -> Iterator[tuple[str, CorpusRow]]:
    listed = found.keys()
    for key, size in listed:
        if found.format == "files":
            yield from read_file(found.store, key, size, limits)
        else:
            require_readable_name(found.store, key)
            yield from _manifest_rows(found, key)


def require_readable_name(store: Store, key: str) -> None:
    """Refuses a manifest whose name cannot be a key.

    Raises:
        ValidationError: it has an empty part or a NUL.
    """
    try:
        check_key(key)
    except ValueError as error:
        message = f"{store.root}/{key}: its name has an empty part or a NUL; rename it"
        raise ValidationError(message) from error


def _manifest_rows(found: CorpusSource, key: str) -> Iterator[tuple[str, CorpusRow]]:
    store, resolve = found.store, resolver(found.store.uri(key))
    if found.format == "parquet":
        rows = parquet_rows(store, key, id_column="item_id", ours=COLUMNS)
    else:
        rows = jsonl_rows(store, key)
    for where, row in rows:
        if isinstance(row, Unreadable):
            yield where, reject(where, row.error, row.readable)
        else:
            yield where, accept(where, row, resolve)


def _first_of_each(rows: Iterator[tuple[str, CorpusRow]], source: str) -> Iterator[CorpusRow]:
    empty = True
    with SeenIds() as seen:
        for where, row in rows:
            empty = False
            if not isinstance(row, RejectedRow) and not seen.add(row.item_id):
                message = f"item_id {row.item_id!a} came before; the first is kept"
                yield reject(where, RowError(RowErrorClass.DUPLICATE_ID, message), row.to_row())
            else:
                yield row
    if empty:
        raise ResourceMissingError(f"corpus {source} has no rows")
