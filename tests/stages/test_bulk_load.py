"""Loading by files on a real server, broken off wherever it can be, and done again.

What breaks off is a process of its own, ended by SIGKILL: the same call again must end with every
row once.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from tests.milvus_server import RealMilvus
from tests.stages.test_load import DIMENSION, given
from tte2_ray.artifacts.markers import marker_key, read_marker
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import open_store
from tte2_ray.errors import RuntimeFailure
from tte2_ray.milvus.abilities import Abilities
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.collection import CollectionSpec, ensure_collection
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.imports import Imports
from tte2_ray.milvus.journal import Journal
from tte2_ray.milvus.row_file import RowFile
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.shard_rows import ShardRows
from tte2_ray.stages import bulk_load
from tte2_ray.stages.bulk_load import BulkLoadShards, loader_of
from tte2_ray.stages.load import LoadShards, LoadWork
from tte2_ray.stages.shard_closing import ShardCloser

ROWS, PER_SHARD = 60, 7
GOOD = ROWS - 2
"""Row 1 has no ECR, row 2 a vector that Milvus must not see."""
BEFORE_THE_JOURNAL = "file written, not in the journal"
STEPS: dict[str, tuple[type, str, int]] = {
    BEFORE_THE_JOURNAL: (Journal, "begin", 0),
    "file written, not asked for": (Imports, "ask", 0),
    "asked for, its number unknown": (Journal, "asked", 0),
    "its number known": (Imports, "task", 0),
    "imported, not shown": (ShardRows, "show", 0),
    "counted, not written down": (Journal, "end", 0),
    "no shard marked": (ShardCloser, "close", 0),
    "two shards marked": (ShardCloser, "close", 2),
}
"""What is called at a step, and how many calls of it come back."""
NOT_WRITTEN_DOWN = ("asked for, its number unknown", "counted, not written down")
"""What the server did, and the journal does not say."""


@pytest.fixture
def work(
    real_milvus: RealMilvus, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[LoadWork]:
    milvus = MilvusConfig(uri=real_milvus.uri, metadata_fields=("year",), load="bulk",
                          bulk_uri=str(tmp_path / "bulk"), patience_s=60.0)  # fmt: skip
    index = "".join(c for c in request.node.name if c.isalnum())[:60]
    spec = CollectionSpec(index=index, version="v1", fingerprint="f", dimension=DIMENSION)
    client = connect(milvus)
    ensure_collection(client, milvus, spec)
    yield LoadWork(root=str(tmp_path / "store"), ecr_prefix="ecr/f", vector_prefix="vectors/f",
                   prefix="indexes/i/v1/load", dead_letter_prefix="dead-letter/i", milvus=milvus,
                   collection=spec.name, dimension=DIMENSION)  # fmt: skip
    client.drop_collection(spec.name)


@pytest.fixture
def shards(work: LoadWork) -> list[Shard]:
    return given(open_store(work.root), rows=ROWS, per_shard=PER_SHARD)


def left(work: LoadWork, shards: list[Shard]) -> list[Shard]:
    """The shards that have no marker."""
    store = open_store(work.root)
    return [shard for shard in shards if not store.exists(marker_key(work.prefix, shard))]


def require_whole(work: LoadWork, shards: list[Shard]) -> None:
    """Every good row is there once, with its contents; every shard is accounted for."""
    searcher = Searcher(work.milvus)
    good = [f"i{n}" for n in range(ROWS) if n not in (1, 2)]
    assert searcher.count(work.collection) == GOOD
    found = searcher.fetch(work.collection, good, output_fields=["vector", "ecr", "metadata"])
    assert found == {
        f"i{n}": {"vector": [1.0, float(n), 0.0, 0.0], "ecr": f"about {n}", "metadata": {"year": n}}
        for n in range(ROWS)
        if n not in (1, 2)
    }
    store = open_store(work.root)
    markers = [read_marker(store, marker_key(work.prefix, shard)) for shard in shards]
    assert [(m["rows"], m["done"] + m["rejected"]) for m in markers] == [
        (shard.rows, shard.rows) for shard in shards
    ]
    assert sum(marker["done"] for marker in markers) == GOOD
    files = open_store(work.milvus.bulk_uri)
    assert [key for key, _ in files.list()] == [], "files go when their rows are in"


def _die_at(step: str, work: LoadWork, shards: list[Shard]) -> None:
    owner, name, after = STEPS[step]
    call: Callable[..., Any] = getattr(owner, name)
    calls, one_at_a_time = iter(range(after)), Lock()

    def dying(*given: Any, **named: Any) -> Any:
        with one_at_a_time:
            if next(calls, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*given, **named)

    setattr(owner, name, dying)
    list(BulkLoadShards(work).commit(shards))


def die_at(step: str, work: LoadWork, shards: list[Shard]) -> None:
    """A call in a process of its own, which ends at a step."""
    process = multiprocessing.get_context("spawn").Process(
        target=_die_at, args=(step, work, shards)
    )
    process.start()
    process.join(timeout=120)
    assert process.exitcode == -signal.SIGKILL


class NotAsked:
    """A double of a client: what a server can do is not asked through it."""

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("load", "rows", "imports_files", "stage", "said"),
    [
        ("auto", 99_999, True, LoadShards, "by requests: fewer than milvus.bulk_min_rows=100000"),
        ("auto", 100_000, True, BulkLoadShards, "by files at s3://b/bulk, which Milvus v9 imports"),
        ("auto", 100_000, False, LoadShards, "by requests: Milvus v9 imports no files"),
        ("bulk", 1, True, BulkLoadShards, "by files at s3://b/bulk, which Milvus v9 imports"),
        ("upsert", 100_000, True, LoadShards, ""),
    ],
)
def test_many_rows_go_in_by_files_where_the_server_imports_them(
    monkeypatch: pytest.MonkeyPatch,
    load: str,
    rows: int,
    imports_files: bool,
    stage: type,
    said: str,
) -> None:
    found = Abilities(version="v9", imports_files=imports_files)
    monkeypatch.setattr(bulk_load, "connect", lambda _: NotAsked())
    monkeypatch.setattr(bulk_load, "abilities", lambda *_: found)
    milvus = MilvusConfig(uri="http://127.0.0.1:1", load=load, bulk_uri="s3://b/bulk")
    assert loader_of(milvus, lambda: rows) == (stage, said)


def test_rows_come_in_by_a_file_and_each_shard_is_accounted_for(
    work: LoadWork, shards: list[Shard]
) -> None:
    counts = list(BulkLoadShards(work).commit(shards))
    assert [(c.rows, c.done, c.rejected) for c in counts[:2]] == [(7, 5, 2), (7, 7, 0)]
    assert counts[0].classes == {"empty_ecr": 1, "bad_vector": 1}
    require_whole(work, shards)


def test_what_is_too_large_for_one_file_comes_in_by_several(
    work: LoadWork, shards: list[Shard], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tte2_ray.stages.bulk_load._FILE_BYTES", 1)
    stage = BulkLoadShards(work)
    files: list[int] = []
    bring_in = stage._bulk.bring_in

    def counted(rows: RowFile, names: list[str]) -> None:
        files.append(rows.rows)
        bring_in(rows, names)

    monkeypatch.setattr(stage._bulk, "bring_in", counted)
    list(stage.commit(shards[:2]))
    assert files == [5, 7]
    list(stage.commit(shards))
    require_whole(work, shards)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, marks=() if step in NOT_WRITTEN_DOWN else pytest.mark.at_length)
        for step in STEPS
    ],
)
def test_a_call_that_was_killed_is_done_again(
    work: LoadWork, shards: list[Shard], step: str
) -> None:
    die_at(step, work, shards)
    again = left(work, shards)
    assert len(again) == len(shards) - STEPS[step][2]
    list(BulkLoadShards(work).commit(again))
    files = open_store(work.milvus.bulk_uri)
    if step == BEFORE_THE_JOURNAL:  # nobody knows whose it is
        [(file, _)] = files.list()
        files.delete(file)
    require_whole(work, shards)


@pytest.mark.at_length
def test_what_was_killed_is_gone_on_with_by_requests(work: LoadWork, shards: list[Shard]) -> None:
    die_at("asked for, its number unknown", work, shards)
    list(LoadShards(work).commit(shards))
    require_whole(work, shards)


@pytest.mark.at_length
def test_rows_that_are_there_are_kept_and_half_a_shard_is_not(
    work: LoadWork, shards: list[Shard]
) -> None:
    """As a loader by requests leaves them that was killed between two markers."""
    list(LoadShards(work).commit(shards[:4]))
    store = open_store(work.root)
    for shard in shards[:4]:
        store.delete(marker_key(work.prefix, shard))
    half = Searcher(work.milvus).page(work.collection, offset=0, limit=ROWS)[-3:]
    connect(work.milvus).delete(work.collection, ids=half)
    list(BulkLoadShards(work).commit(shards))
    require_whole(work, shards)
    imported = [batch for batch, _ in Journal(store, work.journal_prefix).batches_of(
        [shard.name for shard in shards])]  # fmt: skip
    assert sum(len(batch.shards) for batch in imported) < len(shards), "whole shards were kept"


@pytest.mark.at_length
def test_rows_that_came_in_twice_are_there_once_in_the_end(
    work: LoadWork, shards: list[Shard], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the server heard a request whose answer was lost, and heard it again."""
    ask = Imports.ask

    def twice(imports: Imports, file: str, *, key: str) -> int:
        monkeypatch.setattr(Imports, "ask", ask)
        ask(imports, file, key=key)
        return ask(imports, file, key=key)

    monkeypatch.setattr(Imports, "ask", twice)
    list(BulkLoadShards(work).commit(shards))
    require_whole(work, shards)


@pytest.mark.at_length
def test_a_file_that_the_server_does_not_find_is_told_with_both_its_names(
    work: LoadWork, shards: list[Shard]
) -> None:
    wrong = replace(work, milvus=replace(work.milvus, bulk_path="/no/such/place"))
    with pytest.raises(RuntimeFailure, match=r"/no/such/place.*file://.*milvus\.bulk_path"):
        list(BulkLoadShards(wrong).commit(shards))
    assert left(work, shards) == shards
    list(BulkLoadShards(work).commit(shards))
    require_whole(work, shards)


def test_a_request_that_comes_late_finds_no_file(work: LoadWork, shards: list[Shard]) -> None:
    """A worker that was cut off asks for its import after another run has taken over."""
    die_at("file written, not asked for", work, shards)
    journal = Journal(open_store(work.root), work.journal_prefix)
    names = [shard.name for shard in shards]
    [(late, _)] = journal.batches_of(names)
    list(BulkLoadShards(work).commit(shards))
    client = connect(work.milvus)
    imports = Imports(client, work.milvus, work.collection)
    task = imports.ask(late.path, key=late.name)
    deadline = time.monotonic() + 60
    while imports.task(task).state == "running" and time.monotonic() < deadline:
        time.sleep(0.2)
    assert imports.task(task).state == "failed"
    require_whole(work, shards)


@pytest.mark.at_length
def test_rows_of_an_import_that_failed_are_not_kept(work: LoadWork, shards: list[Shard]) -> None:
    """A server that ends at the wrong moment shows them, calls the import failed, and drops them
    minutes later: the journal says so here, of rows that are there."""
    die_at("counted, not written down", work, shards)
    journal = Journal(open_store(work.root), work.journal_prefix)
    names = [shard.name for shard in shards]
    [(batch, _)] = journal.batches_of(names)
    journal.end(batch, "failed")
    list(BulkLoadShards(work).commit(shards))
    require_whole(work, shards)
    assert [end for _, end in journal.batches_of(names)].count("completed") == 1, "it was done anew"
