"""Load rows into a collection: idempotent upserts in bounded batches, at the server's pace.

rows ─ check ─▶ batches (rows, bytes) ─ upsert by primary key ─▶ report      flush once, at the end
          └▶ rejected          └ told to slow down: half as fast, again, then in halves
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from tte2_ray.errors import RowError, RowErrorClass, RuntimeFailure
from tte2_ray.milvus.client import Verdict, as_typed, classify, connect, request_errors
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.pace import Pace
from tte2_ray.milvus.patience import patiently
from tte2_ray.milvus.rows import IndexRow, to_entity
from tte2_ray.milvus.upsert import ColumnUpsert, Entity, Upsert

if TYPE_CHECKING:
    from pymilvus import MilvusClient

_DENIALS_BEFORE_SPLIT = 3

Settled = Callable[[int, Sequence["Rejected"]], None]
"""Hears how many of the rows, counted from the first, are written or rejected for good; and which
were rejected so far."""


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """A row that was not sent; it goes to the dead letters."""

    item_id: str
    shard: str
    error_class: RowErrorClass
    message: str

    @classmethod
    def of(cls, row: IndexRow, error: RowError) -> "Rejected":
        """A row, and why it cannot be loaded."""
        return cls(item_id=row.item_id, shard=row.shard, error_class=error.error_class,
                   message=error.message)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class WriteReport:
    """What became of the rows of one `write`; rows in = written + rejected."""

    written: int
    rejected: tuple[Rejected, ...]
    ecr_cut: tuple[str, ...]
    """Ids of written rows whose ECR did not fit; `ecr_cut_bytes` says by how much."""
    requests: int
    slowdowns: int
    """Times that the server said no for now."""
    retries: int
    """Times that the connection broke and the request was sent again."""


class Writer:
    """Upserts rows into one collection. One for each process; not shared between threads.

    Args:
        config: with a `uri` (see `server.resolve`).
        collection: made by `ensure_collection`.
        dimension: length of its vectors.
        upsert: sends a request and tells how many rows were taken, replaced in tests.
        pace: how fast to send, replaced in tests.
    """

    def __init__(
        self,
        config: MilvusConfig,
        collection: str,
        *,
        dimension: int,
        upsert: Upsert | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._config = config
        self._collection = collection
        self._dimension = dimension
        self._upsert_rows = upsert or ColumnUpsert(connect(config), collection, config.timeout_s)
        self._pace = pace or Pace(config.patience_s)
        self._tally: Counter[str] = Counter()
        self._tally_lock = Lock()

    def write(self, rows: Iterable[IndexRow], settled: Settled | None = None) -> WriteReport:
        """Check and upsert rows; the same rows again change nothing.

        Args:
            rows: in order.
            settled: called as requests are answered, the last time with all rows.

        Raises:
            RuntimeFailure: the server took fewer rows than it was sent, would not take any for
                `patience_s`, or went away and did not come back.
        """
        self._tally.clear()
        rejected: list[Rejected] = []
        cut: list[str] = []
        written = 0
        pending: deque[tuple[int, Future[int]]] = deque()

        def answered() -> int:
            upto, future = pending.popleft()
            taken = future.result()
            if settled is not None:
                settled(upto, rejected)
            return taken

        with ThreadPoolExecutor(self._config.max_inflight) as pool:
            for upto, batch in self._batches(rows, rejected, cut):
                pending.append((upto, pool.submit(self._send, batch)))
                if len(pending) >= self._config.max_inflight:
                    written += answered()
            while pending:
                written += answered()
        return WriteReport(
            written=written,
            rejected=tuple(rejected),
            ecr_cut=tuple(cut),
            requests=self._tally["requests"],
            slowdowns=self._tally["slowdowns"],
            retries=self._tally["retries"],
        )

    def _batches(
        self, rows: Iterable[IndexRow], rejected: list[Rejected], cut: list[str]
    ) -> Iterator[tuple[int, list[Entity]]]:
        """Requests, each with the number of rows that are behind once it is answered."""
        batch: list[Entity] = []
        batch_bytes = count = 0
        seen: set[str] = set()
        for before, row in enumerate(rows):
            count = before + 1
            try:
                entity, size = checked(row, seen, self._dimension, self._config.metadata_fields)
            except RowError as error:
                rejected.append(Rejected.of(row, error))
                continue
            if entity["ecr_cut_bytes"]:
                cut.append(row.item_id)
            if batch and (
                len(batch) == self._config.batch_rows
                or batch_bytes + size > self._config.batch_bytes
            ):
                yield before, batch
                batch, batch_bytes = [], 0
            batch.append(entity)
            batch_bytes += size
        if batch:
            yield count, batch

    def _send(self, batch: list[Entity]) -> int:
        """Upsert one batch, however often it takes; the number of rows that the server took."""
        denials = 0
        while True:
            self._pace.wait_for_turn(len(batch))
            try:
                return self._upsert(batch)
            except request_errors() as error:
                verdict = classify(error)
                if verdict is Verdict.SLOW_DOWN:
                    denials += 1
                    self._note("slowdowns")
                    go_on = self._pace.denied(len(batch))
                elif verdict is Verdict.TRANSIENT:
                    self._note("retries")
                    go_on = self._pace.failed()
                else:
                    go_on = False
                if not go_on:
                    raise as_typed(error, f"upsert into {self._collection}") from error
            # A server with a small allowance may never take this many at once.
            if denials >= _DENIALS_BEFORE_SPLIT and len(batch) > 1:
                half = len(batch) // 2
                return self._send(batch[:half]) + self._send(batch[half:])

    def _upsert(self, batch: list[Entity]) -> int:
        self._note("requests")
        started = time.monotonic()
        taken = self._upsert_rows(batch)
        if taken != len(batch):
            raise RuntimeFailure(
                f"Milvus took {taken} of {len(batch)} rows into {self._collection} and reported "
                "success; run the same command again."
            )
        self._pace.accepted(taken, time.monotonic() - started)
        return taken

    def _note(self, event: str) -> None:
        with self._tally_lock:
            self._tally[event] += 1


def checked(
    row: IndexRow, seen: set[str], dimension: int, metadata_fields: tuple[str, ...]
) -> tuple[Entity, int]:
    """See `to_entity`; of rows that are loaded together, each id may come once.

    Args:
        row: to be loaded.
        seen: ids of those before, to which its own is added.
        dimension: of its vector.
        metadata_fields: that are kept.

    Raises:
        RowError: it cannot be loaded.
    """
    # A server may keep either of two equal keys in one request, or both.
    if row.item_id in seen:
        raise RowError(RowErrorClass.DUPLICATE_ID, "the id is twice among the rows to load")
    entity = to_entity(row, dimension=dimension, metadata_fields=metadata_fields)
    seen.add(row.item_id)
    return entity


def seal(client: "MilvusClient", config: MilvusConfig, collection: str) -> None:
    """Flush and load a collection, once after all its rows are written: servers ration flushes.

    Raises:
        RuntimeFailure: the server did not do it within `patience_s`.
    """

    def flush_and_load() -> None:
        client.flush(collection, timeout=config.patience_s, retry_on_rate_limit=False)
        client.load_collection(collection, timeout=config.patience_s)

    patiently(f"flush {collection}", config, flush_and_load)
