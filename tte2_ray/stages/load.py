"""Shards with their ECR and vector tables in, rows in Milvus out; and where each row went.

This is where a shard's accounting closes: every item is either in the collection or a dead letter.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.ahead import ahead
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.milvus.abilities import abilities
from tte2_ray.milvus.bulk import Bulk
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.journal import Journal
from tte2_ray.milvus.rows import IndexRow
from tte2_ray.milvus.writer import Rejected, Writer
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.doing import Doing
from tte2_ray.stages.shard_closing import STAGE, ShardCloser
from tte2_ray.stages.to_load import ShardReader, ToLoad
from tte2_ray.stages.work import as_columns, shards_of

if TYPE_CHECKING:
    import numpy as np

_THREADS = 4
"""That read shards ahead, and commit them: a store answers late, but many at once."""
_TOLD_A_CALL = 16
"""How often a call tells of what is committed: each time costs Ray a few KB on the driver."""

_Closing = SimpleQueue[Future[Counts] | None]
"""Shards whose rows are in, on their way to their markers; None after the last."""


@dataclass(frozen=True, kw_only=True)
class LoadWork:
    """What a replica needs to load shards."""

    root: str
    """Of the artifact store."""
    ecr_prefix: str
    """Folder of the ECR tables."""
    vector_prefix: str
    """Folder of the vector tables."""
    prefix: str
    """Folder of the markers of this version, `indexes/<name>/<version>/load`."""
    dead_letter_prefix: str
    milvus: MilvusConfig
    """With the uri of a server that answers."""
    collection: str
    dimension: int

    @property
    def journal_prefix(self) -> str:
        """Folder of what was begun to be imported into this version."""
        return f"{self.prefix.rpartition('/')[0]}/bulk"

    def reader(self, store: Store) -> ShardReader:
        """Reads its shards."""
        return ShardReader(
            store,
            self.ecr_prefix,
            self.vector_prefix,
            dimension=self.dimension,
            with_metadata=bool(self.milvus.metadata_fields),
        )

    def closer(self, store: Store, reader: ShardReader) -> ShardCloser:
        """Closes its shards."""
        return ShardCloser(
            store=store, reader=reader, prefix=self.prefix,
            dead_letter_prefix=self.dead_letter_prefix,
        )  # fmt: skip


class LoadShards:
    """Reads name, key, rows, rejected of shards; returns `Counts`; commits each shard."""

    shards_a_call = 128
    """Requests are filled across shards, the next shards are read and those before committed while
    the server works: it waits for the loader once a call."""

    def __init__(self, work: LoadWork) -> None:
        self._work = work
        self._store = open_store(work.root)
        self._writer = Writer(work.milvus, work.collection, dimension=work.dimension)
        self._reader = work.reader(self._store)
        self._closer = work.closer(self._store, self._reader)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="load")
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="send")
        self._doing = Doing(STAGE)

    def __call__(self, batch: "dict[str, np.ndarray[Any, Any]]") -> Iterator[dict[str, list[str]]]:
        """One batch of shards; told of in parts, while the rest is being loaded."""
        shards = shards_of(batch)
        done = self.commit(shards)
        while part := list(islice(done, -(-len(shards) // _TOLD_A_CALL))):
            yield as_columns([replace(sum(part, Counts()), seconds=part[-1].seconds)])

    def commit(self, shards: Sequence[Shard]) -> Iterator[Counts]:
        """Upserts the vectors of shards; of each, as soon as its rows are in, writes the dead
        letters and the marker.

        Yields:
            What was loaded of each, in their order, with the seconds since the call; the markers
            count the tokens of the ECRs besides, which were spent before.

        Raises:
            ValidationError: an item of a shard is neither loaded nor rejected.
        """
        began = time.perf_counter()
        settle_imports(self._work, self._store, shards)
        closing: _Closing = SimpleQueue()
        sending = self._sender.submit(self._send, shards, closing)
        try:
            while one := closing.get():
                yield replace(one.result(), seconds=time.perf_counter() - began)
        finally:
            sending.result()

    def _send(self, shards: Sequence[Shard], closing: _Closing) -> None:
        sent: deque[ToLoad] = deque()
        behind = 0

        def settled(upto: int, rejected: Sequence[Rejected]) -> None:
            nonlocal behind
            while sent and behind + sent[0].sent <= upto:
                one = sent.popleft()
                behind += one.sent
                of_shard = [each for each in rejected if each.shard == one.shard.name]
                closing.put(self._threads.submit(self._closer.close, one, of_shard))

        try:
            with self._doing.at("in Milvus", f"{len(shards)} shards from {shards[0].name}"):
                report = self._writer.write(self._rows(shards, sent), settled)
            settled(report.written + len(report.rejected), report.rejected)
        finally:
            closing.put(None)

    def _rows(self, shards: Sequence[Shard], sent: deque[ToLoad]) -> Iterator[IndexRow]:
        """The rows of shards, which are read a few ahead and added to `sent` as they come."""
        for one in ahead(self._threads, self._reader.read, shards):
            sent.append(one)
            rows, one.rows = one.rows, []
            yield from rows


def settle_imports(work: LoadWork, store: Store, shards: Sequence[Shard]) -> None:
    """Sees that no import which an earlier run began brings rows in beside those that are sent.

    Args:
        work: of the stage.
        store: where artifacts lie.
        shards: about to be loaded by requests.
    """
    journal = Journal(store, work.journal_prefix)
    if next(journal.batches_of([shard.name for shard in shards]), None) is None:
        return
    client = connect(work.milvus)
    if abilities(client, work.milvus).imports_files:
        Bulk(work.milvus, work.collection, journal).settle([shard.name for shard in shards])
    client.close()
