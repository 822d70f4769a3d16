"""From a log to a frozen plan of its distinct queries, and to who asked each.

    rows ─▶ distinct queries ─▶ shards ─▶ plan      as a corpus is frozen (`artifacts.freeze`)
         ├▶ who asked ─▶ asked/<hash>.parquet       in the order of the plan
         └▶ rejected rows ─▶ dead letters

    <prefix>/<digest of the plan>/log-<digest>.json   counts and files; written last

Real logs repeat themselves: what was asked a thousand times is one query, answered once and fanned
out again. Memory does not grow with the log: what is equal is found in a temporary SQLite file.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from tte2_ray.artifacts.corpus.rows import RejectedRow
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.media_versions import MediaVersions
from tte2_ray.artifacts.query_log.first_stage import FirstStage
from tte2_ray.artifacts.query_log.frozen import Frozen, frozen_query
from tte2_ray.artifacts.query_log.rows import ID_COLUMN, LogRow
from tte2_ray.artifacts.scratch import Scratch
from tte2_ray.artifacts.shards import Plan
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import write_table
from tte2_ray.errors import RowErrorClass
from tte2_ray.schema import Item, asked_schema

ASKED_PER_FILE = 8192
_DIGITS = 32


@dataclass(frozen=True, kw_only=True)
class FrozenLog:
    """A log, cut into shards of distinct queries."""

    plan: Plan
    """Of the distinct queries; its rejected rows are those of the log."""
    queries: int
    """Rows of the log that are queries."""
    digest: str
    """Of plan and askers."""
    asked: tuple[str, ...]
    """Keys of the tables of who asked, in the order of the plan."""

    @property
    def rows_in(self) -> int:
        """Rows of the log."""
        return self.queries + self.plan.rejected


def freeze_log(
    store: Store,
    prefix: str,
    rows: Iterable[LogRow | RejectedRow],
    queries_per_shard: int,
    *,
    instruction: str = "",
    first_stage: FirstStage | None = None,
    versions: MediaVersions | None = None,
) -> FrozenLog:
    """Cut a log into shards, or find that it was cut before.

    Args:
        store: where shards and plan go.
        prefix: folder of the plan, e.g. `queries/<name>`.
        rows: of the log, from `read_log`; in the same order each time.
        queries_per_shard: distinct queries in a shard, in the mean; at most twice as many.
        instruction: the task of queries that name none.
        first_stage: a run whose candidates take the place of retrieval; a query that it does not
            know is a rejected row.
        versions: see `freeze_plan`.
    """
    with _Distinct() as distinct:
        new = _new_queries(rows, distinct, instruction, first_stage)
        ends = partial(_ends_shard, queries_per_shard)
        plan = freeze_plan(store, prefix, new, queries_per_shard, versions=versions,
                           ends_shard=ends)  # fmt: skip
        files = tuple(_write_asked(store, prefix, distinct))
        names = [key.rpartition("/")[2] for key in files]
        described = json.dumps([plan.corpus_digest, names]).encode()
        log = FrozenLog(
            plan=plan,
            queries=distinct.asked,
            digest=hashlib.sha256(described).hexdigest()[:_DIGITS],
            asked=files,
        )
    told = {"queries": log.queries, "distinct": plan.rows, "asked": list(files)}
    key = f"{plan.prefix}/{plan.corpus_digest}/log-{log.digest}.json"
    store.put_once(key, json.dumps(told).encode())
    return log


def _new_queries(
    rows: Iterable[LogRow | RejectedRow],
    distinct: "_Distinct",
    instruction: str,
    first_stage: FirstStage | None,
) -> Iterator[Item | RejectedRow]:
    for number, row in enumerate(rows, start=1):
        if isinstance(row, RejectedRow):
            yield row
            continue
        pool, scores = row.candidates, tuple[float, ...]()
        if first_stage is not None:
            found = first_stage.of(row.query_id)
            if not found:
                yield _unknown(row, first_stage.path)
                continue
            pool, scores = tuple(i for i, _ in found), tuple(score for _, score in found)
        frozen = Frozen(instruction=row.instruction or instruction, pool=pool, scores=scores)
        query = frozen_query(row, frozen)
        if distinct.add(query.item_id, row, number):
            yield query


def _ends_shard(queries_per_shard: int, query: Item) -> bool:
    """By the hash of all that was asked, so that a row that is added to a log, mended or removed
    leaves the other shards, and what was answered for them, as they were."""
    return int(query.item_id, 16) % queries_per_shard == 0


def _unknown(row: LogRow, path: str) -> RejectedRow:
    return RejectedRow(
        item_id=row.query_id,
        error_class=RowErrorClass.NOT_FOUND,
        message=f"the first-stage run {path} has no candidates for this query",
        row=json.dumps({ID_COLUMN: row.query_id, "text": row.given.text}, ensure_ascii=False),
    )


def _write_asked(store: Store, prefix: str, distinct: "_Distinct") -> Iterator[str]:
    import pyarrow as pa

    for rows in distinct.in_order():
        text = json.dumps(rows, sort_keys=True).encode()
        name = hashlib.sha256(text).hexdigest()[:_DIGITS]
        key = f"{prefix.strip('/')}/asked/{name}.parquet"
        if not store.exists(key):
            write_table(store, key, pa.Table.from_pylist(rows, asked_schema()))
        yield key


class _Distinct(Scratch):
    """Which queries were asked, by whom, in bounded memory."""

    def __init__(self) -> None:
        super().__init__("log")
        self.asked = 0
        self._db.execute(
            "CREATE TABLE queries (name TEXT PRIMARY KEY, ordinal INTEGER) WITHOUT ROWID"
        )
        self._db.execute(
            "CREATE TABLE asked (ordinal INTEGER, line INTEGER, name TEXT, query_id TEXT, "
            "time TEXT, count INTEGER, PRIMARY KEY (ordinal, line)) WITHOUT ROWID"
        )
        self._found = 0

    def add(self, name: str, row: LogRow, line: int) -> bool:
        """Remember who asked a query; whether it was asked for the first time."""
        known = self._db.execute("SELECT ordinal FROM queries WHERE name = ?", (name,)).fetchone()
        ordinal = known[0] if known else self._found
        if not known:
            self._db.execute("INSERT INTO queries VALUES (?, ?)", (name, ordinal))
            self._found += 1
        asked = (ordinal, line, name, row.query_id, row.time, row.count)
        self._db.execute("INSERT INTO asked VALUES (?, ?, ?, ?, ?, ?)", asked)
        self.asked += 1
        return not known

    def in_order(self) -> Iterator[Sequence[dict[str, object]]]:
        """Who asked, by the order of the queries, `ASKED_PER_FILE` at a time."""
        found = self._db.execute(
            "SELECT name, query_id, time, count, line FROM asked ORDER BY ordinal, line"
        )
        names = ("query", "query_id", "time", "count", "row")
        while rows := found.fetchmany(ASKED_PER_FILE):
            yield [dict(zip(names, row, strict=True)) for row in rows]
