"""Shards in, rows in Milvus out, by files that the server imports; beside `load`, which sends them.

    shards ─ settle, count ─▶ rows that are not there yet ─ a file ─ import ─▶ counted ─▶ markers

A call is one file, or several where that would be too large. What an import left that broke off is
settled by the next try, of this run or a later one; a shard is marked when its rows were counted.
"""

import sys
import time
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.ahead import ahead
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import open_store
from tte2_ray.errors import RowError
from tte2_ray.milvus.abilities import abilities
from tte2_ray.milvus.bulk import Bulk, ImportBroke
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.journal import Journal
from tte2_ray.milvus.row_file import RowFile
from tte2_ray.milvus.upsert import Entity
from tte2_ray.milvus.writer import Rejected, checked
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.doing import Doing
from tte2_ray.stages.load import LoadShards, LoadWork
from tte2_ray.stages.shard_closing import STAGE
from tte2_ray.stages.to_load import ToLoad
from tte2_ray.stages.work import as_columns, shards_of

if TYPE_CHECKING:
    import numpy as np

_THREADS = 4
_FILE_BYTES = 1 << 30
"""Of rows in a file, before they are compressed: servers refuse files of some GB, S3 of more than
five at once, and it lies on the worker's disk meanwhile."""
_TRIES = 4
"""Of a call, in each of which an import broke: a server that restarts fails what it was at."""

Accounted = list[tuple[ToLoad, list[Rejected]]]


class BulkLoadShards:
    """Reads name, key, rows, rejected of shards; returns `Counts`; commits each shard."""

    shards_a_call = 512
    """A file of 65,536 rows at the job's own size: an import of few takes seconds all the same, and
    makes segments of its own."""

    def __init__(self, work: LoadWork) -> None:
        self._work = work
        store = open_store(work.root)
        self._bulk = Bulk(work.milvus, work.collection, Journal(store, work.journal_prefix))
        self._reader = work.reader(store)
        self._closer = work.closer(store, self._reader)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="bulk")
        self._doing = Doing(STAGE)

    def __call__(self, batch: "dict[str, np.ndarray[Any, Any]]") -> Iterator[dict[str, list[str]]]:
        """One batch of shards; told of at once, when its file is imported."""
        counts = list(self.commit(shards_of(batch)))
        yield as_columns([replace(sum(counts, Counts()), seconds=counts[-1].seconds)])

    def commit(self, shards: Sequence[Shard]) -> Iterator[Counts]:
        """Imports the rows of shards that are not in the collection; then writes the dead letters
        and the marker of each.

        Yields:
            What was loaded of each, in their order, with the seconds since the call.

        Raises:
            ValidationError: an item of a shard is neither loaded nor rejected.
            RuntimeFailure: Milvus did not import the rows, or went away.
        """
        began = time.perf_counter()
        with self._doing.at("in Milvus", f"{len(shards)} shards from {shards[0].name}"):
            accounted = self._bring_in(shards)
        for counts in self._threads.map(lambda each: self._closer.close(*each), accounted):
            yield replace(counts, seconds=time.perf_counter() - began)

    def _bring_in(self, shards: Sequence[Shard]) -> Accounted:
        for tries in range(1, _TRIES + 1):
            try:
                return self._try(shards)
            except ImportBroke as error:
                if tries == _TRIES:
                    raise
                print(f"tte2_ray: {error}; once more", file=sys.stderr, flush=True)
        raise AssertionError("unreachable")

    def _try(self, shards: Sequence[Shard]) -> Accounted:
        names = [shard.name for shard in shards]
        doubtful = self._bulk.settle(names)
        there = self._bulk.rows.counts(names)
        accounted: Accounted = []
        seen: set[str] = set()
        with ExitStack() as open_file:
            file = open_file.enter_context(_File())
            for one in ahead(self._threads, self._reader.read, shards):
                entities, rejected = self._checked(one, seen)
                accounted.append((one, rejected))
                name = one.shard.name
                if there.get(name, 0) == len(entities) and name not in doubtful:
                    continue
                file.write(name, entities)
                if file.rows.bytes >= _FILE_BYTES:
                    self._import(file, there)
                    open_file.close()
                    file = open_file.enter_context(_File())
            self._import(file, there)
        return accounted

    def _import(self, file: "_File", there: Container[str]) -> None:
        """Brings in what a file holds, in the place of what is there of its shards."""
        file.rows.close()
        if stale := [name for name in file.shards if name in there]:
            self._bulk.rows.remove(stale)
        if file.rows.rows:
            self._bulk.bring_in(file.rows, file.shards)

    def _checked(self, one: ToLoad, seen: set[str]) -> tuple[list[Entity], list[Rejected]]:
        """The rows of a shard, which are given away, and those that cannot be loaded."""
        rows, one.rows = one.rows, []
        entities: list[Entity] = []
        rejected: list[Rejected] = []
        fields = self._work.milvus.metadata_fields
        for row in rows:
            try:
                entities.append(checked(row, seen, self._work.dimension, fields)[0])
            except RowError as error:
                rejected.append(Rejected.of(row, error))
        return entities, rejected


class _File:
    """Rows of some shards, on this worker's disk while they are brought in."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="tte2-bulk-")
        self.rows = RowFile(Path(self._folder.name) / "rows.parquet")
        self.shards: list[str] = []

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def write(self, shard: str, entities: Sequence[Entity]) -> None:
        self.shards.append(shard)
        self.rows.write(entities)


def loader_of(milvus: MilvusConfig, rows_to_load: Callable[[], int]) -> tuple[type, str]:
    """The stage that loads, and why it is that one; "" where nothing was to be chosen.

    Args:
        milvus: with the uri of a server that answers.
        rows_to_load: counts them; called where that decides.

    Raises:
        PrerequisiteError: it does not answer.
    """
    if milvus.load == "upsert" or not milvus.bulk_uri:
        return LoadShards, ""
    if milvus.load == "auto" and rows_to_load() < milvus.bulk_min_rows:
        return LoadShards, f"by requests: fewer than milvus.bulk_min_rows={milvus.bulk_min_rows}"
    client = connect(milvus)
    found = abilities(client, milvus)
    client.close()
    if not found.imports_files:
        return LoadShards, f"by requests: Milvus {found.version} imports no files"
    return BulkLoadShards, f"by files at {milvus.bulk_uri}, which Milvus {found.version} imports"
