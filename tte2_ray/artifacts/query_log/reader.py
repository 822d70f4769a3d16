"""A query log as one stream of rows, the first of each id."""

from collections.abc import Iterator
from typing import Any, Literal

from tte2_ray.artifacts.corpus.jsonl import jsonl_rows
from tte2_ray.artifacts.corpus.parquet import parquet_rows
from tte2_ray.artifacts.corpus.raw import Unreadable
from tte2_ray.artifacts.corpus.reader import require_readable_name
from tte2_ray.artifacts.corpus.rows import RejectedRow, reject
from tte2_ray.artifacts.corpus.seen import SeenIds
from tte2_ray.artifacts.corpus.source import (
    CorpusSource,
    format_of,
    locate,
    locate_file,
    names_one_file,
    resolver,
)
from tte2_ray.artifacts.query_log.rows import ID_COLUMN, LOG_COLUMNS, LogRow, parse_log_row
from tte2_ray.artifacts.query_log.topics import topic_rows
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ConfigError, ResourceMissingError, RowError, RowErrorClass

LogFormat = Literal["auto", "parquet", "jsonl", "trec"]

_TOPICS = (".tsv", ".txt", ".topics", ".trec", ".tsv.gz", ".txt.gz", ".topics.gz", ".trec.gz")


def locate_log(source: str, log_format: LogFormat = "auto") -> CorpusSource:
    """Find a log.

    Args:
        source: a file, or a folder or a pattern of Parquet or JSONL files, local or s3://.
        log_format: "auto" goes by the suffix: those of Parquet and JSONL as in a corpus; .tsv,
            .txt, .topics and .trec, or a name that begins with "topics", are TREC topics.

    Returns:
        Where it lies; its format is "files" for topics.

    Raises:
        ResourceMissingError: nothing is there.
        ConfigError: the format cannot be told.
    """
    if log_format == "trec" or (log_format == "auto" and _names_topics(source)):
        return locate_file(source, "query log")
    if log_format != "auto":
        return locate(source, log_format, what="query log")
    if format_of(source.rstrip("/")) or "*" in source:
        found = locate(source, "auto", what="query log")
        if found.format != "files":
            return found
    elif not names_one_file(source):
        return _of_folder(source)
    raise ConfigError(
        f"query log {source}: its name does not tell the format; say log.format=parquet, jsonl or "
        "trec"
    )


def read_log(source: str, log_format: LogFormat = "auto") -> Iterator[LogRow | RejectedRow]:
    """Stream a log, in the same order each time; memory does not grow with its rows.

    Args:
        source: see `locate_log`.
        log_format: likewise.

    Returns:
        Queries, and a `RejectedRow` for each row that is none; blank lines are no rows. Of an id
        that comes twice the first is the query.

    Raises:
        ResourceMissingError: the log is missing or has no rows; the first at once, the second when
            the stream ends.
        ConfigError: the format cannot be told.
        ValidationError: a file is broken as a whole.
    """
    return _first_of_each(_all_rows(locate_log(source, log_format)), source)


def _names_topics(source: str) -> bool:
    name = source.rpartition("/")[2].lower()
    return name.endswith(_TOPICS) or (name.startswith("topics") and not format_of(name))


def _of_folder(source: str) -> CorpusSource:
    found = []
    for kind in ("parquet", "jsonl"):
        try:
            found.append(locate(source, kind, what="query log"))
        except ResourceMissingError as error:
            missing = error
    if len(found) > 1:
        raise ConfigError(f"query log {source}: Parquet and JSONL files; say log.format")
    if not found:
        raise missing
    return found[0]


def _all_rows(found: CorpusSource) -> Iterator[tuple[str, LogRow | RejectedRow]]:
    listed = found.keys()
    for key, _ in listed:
        require_readable_name(found.store, key)
        resolve = resolver(found.store.uri(key))
        for where, row in _raw_rows(found.store, key, found.format):
            if isinstance(row, Unreadable):
                yield where, _reject(where, row.error, row.readable)
                continue
            try:
                yield where, parse_log_row(row, resolve)
            except RowError as error:
                yield where, _reject(where, error, row)


def _raw_rows(store: Store, key: str, kind: str) -> Iterator[tuple[str, Any]]:
    if kind == "parquet":
        return parquet_rows(store, key, id_column=ID_COLUMN, ours=LOG_COLUMNS)
    return jsonl_rows(store, key) if kind == "jsonl" else topic_rows(store, key)


def _reject(where: str, error: RowError, row: Any) -> RejectedRow:
    return reject(where, error, row, id_column=ID_COLUMN)


def _first_of_each(
    rows: Iterator[tuple[str, LogRow | RejectedRow]], source: str
) -> Iterator[LogRow | RejectedRow]:
    empty = True
    with SeenIds() as seen:
        for where, row in rows:
            empty = False
            if isinstance(row, LogRow) and not seen.add(row.query_id):
                message = f"query_id {row.query_id!a} came before; the first is kept"
                error = RowError(RowErrorClass.DUPLICATE_ID, message)
                yield _reject(where, error, {ID_COLUMN: row.query_id, "text": row.given.text})
            else:
                yield row
    if empty:
        raise ResourceMissingError(f"query log {source} has no rows")
