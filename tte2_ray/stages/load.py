"""Shards with their ECR and vector tables in, rows in Milvus out; and where each row went.

This is where a shard's accounting closes: every item is either in the collection or a dead letter.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.dead_letters import write_dead_letters
from tte2_ray.artifacts.markers import mark_done, marker_key
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import open_store
from tte2_ray.errors import ValidationError
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.rows import IndexRow
from tte2_ray.milvus.writer import Rejected, Writer
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.doing import Doing
from tte2_ray.stages.to_load import ShardReader, ToLoad
from tte2_ray.stages.work import as_columns, shards_of

if TYPE_CHECKING:
    import numpy as np

STAGE = "load"
LETTERS = "dead_letters"
"""In the marker of a shard: the keys of the files that hold its rejected rows."""
_THREADS = 4
"""That read shards ahead, and commit them: a store answers late, but many at once."""
_TOLD_A_CALL = 16
"""How often a call tells of what is committed: each time costs Ray a few KB on the driver."""

_Closing = SimpleQueue["Future[Counts] | None"]
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


class LoadShards:
    """Reads name, key, rows, rejected of shards; returns `Counts`; commits each shard."""

    shards_a_call = 128
    """Requests are filled across shards, the next shards are read and those before committed while
    the server works: it waits for the loader once a call."""

    def __init__(self, work: LoadWork) -> None:
        self._work = work
        self._store = open_store(work.root)
        self._writer = Writer(work.milvus, work.collection, dimension=work.dimension)
        self._reader = ShardReader(
            self._store,
            work.ecr_prefix,
            work.vector_prefix,
            dimension=work.dimension,
            with_metadata=bool(work.milvus.metadata_fields),
        )
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
                closing.put(self._threads.submit(self._close, one, of_shard))

        try:
            with self._doing.at("in Milvus", f"{len(shards)} shards from {shards[0].name}"):
                report = self._writer.write(self._rows(shards, sent), settled)
            settled(report.written + len(report.rejected), report.rejected)
        finally:
            closing.put(None)

    def _rows(self, shards: Sequence[Shard], sent: deque[ToLoad]) -> Iterator[IndexRow]:
        """The rows of shards, which are read a few ahead and added to `sent` as they come."""
        for one in _ahead(self._threads, self._reader.read, shards):
            sent.append(one)
            rows, one.rows = one.rows, []
            yield from rows

    def _close(self, one: ToLoad, rejected: Sequence[Rejected]) -> Counts:
        """Accounts for a shard whose rows are in or rejected, and marks it."""
        shard, done = one.shard, one.sent - len(rejected)
        letters = [*one.letters, *(self._reader.letter(shard, _row_of(x)) for x in rejected)]
        if done + len(letters) != shard.rows:
            raise ValidationError(
                f"shard {shard.name}: {shard.rows} rows in, but {done} indexed and "
                f"{len(letters)} rejected; its tables do not belong together: delete them and rerun"
            )
        files = []
        if letters:
            files = [write_dead_letters(self._store, self._work.dead_letter_prefix, letters)]
        classes = Counter(letter.error_class for letter in letters)
        counts = Counts(rows=shard.rows, done=done, rejected=len(letters), classes=dict(classes))
        stats = (counts + one.spent).as_dict() | {LETTERS: files}
        mark_done(self._store, marker_key(self._work.prefix, shard), stats)
        return counts


def _ahead(
    threads: ThreadPoolExecutor, read: Callable[[Shard], ToLoad], shards: Sequence[Shard]
) -> Iterator[ToLoad]:
    """What is read of shards, in order, while the next ones are being read."""
    waiting: deque[Future[ToLoad]] = deque()
    for shard in shards:
        waiting.append(threads.submit(read, shard))
        if len(waiting) > _THREADS:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _row_of(refused: Rejected) -> dict[str, str]:
    return {
        "item_id": refused.item_id,
        "error_class": refused.error_class.value,
        "error_message": refused.message,
        "error_stage": STAGE,
    }
