"""The real server goes away in the middle of a load and comes back, a server of each test's own."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.milvus.conftest import DIMENSION, rows
from tests.milvus_server import RealMilvus
from tests.stages.test_bulk_load import require_whole
from tests.stages.test_load import DIMENSION as OF_SHARDS
from tests.stages.test_load import given
from tte2_ray.artifacts.store import open_store
from tte2_ray.errors import RuntimeFailure
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.collection import CollectionSpec, ensure_collection
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.writer import Rejected, Writer, seal
from tte2_ray.stages.bulk_load import BulkLoadShards
from tte2_ray.stages.load import LoadWork

ROWS = 3000


@pytest.fixture
def server(real_milvus: RealMilvus, tmp_path: Path) -> Iterator[RealMilvus]:
    """Apart from the one of the session, where there is one."""
    with RealMilvus(tmp_path / "own-milvus") as own:
        yield own


@pytest.fixture
def milvus(server: RealMilvus) -> MilvusConfig:
    return MilvusConfig(uri=server.uri, batch_rows=50, patience_s=120.0, timeout_s=5.0)


def made(milvus: MilvusConfig, dimension: int = DIMENSION) -> str:
    spec = CollectionSpec(index="restarts", version="v1", fingerprint="f", dimension=dimension)
    unhurried = replace(milvus, timeout_s=60.0)
    return ensure_collection(connect(unhurried), unhurried, spec)


@pytest.mark.parametrize("ended", [pytest.param("stop", marks=pytest.mark.at_length), "kill"])
def test_a_load_by_requests_waits_and_loses_and_doubles_nothing(
    server: RealMilvus, milvus: MilvusConfig, ended: str
) -> None:
    collection, loaded = made(milvus), rows(ROWS)
    end: Callable[[], None] = getattr(server, ended)
    with ThreadPoolExecutor(1) as beside:
        away: list[Any] = []

        def settled(upto: int, rejected: Sequence[Rejected]) -> None:
            if upto >= ROWS // 3 and not away:
                away.append(beside.submit(lambda: (end(), time.sleep(2), server.start())))

        report = Writer(milvus, collection, dimension=DIMENSION).write(loaded, settled)
        away[0].result()
    assert report.written == ROWS
    assert report.retries > 0, "it was away"
    seal(connect(milvus), milvus, collection)
    searcher = Searcher(milvus)
    assert searcher.count(collection) == ROWS
    found = searcher.fetch(collection, [row.item_id for row in loaded], output_fields=["ecr"])
    assert {item_id: fields["ecr"] for item_id, fields in found.items()} == {
        row.item_id: row.ecr for row in loaded
    }


@pytest.mark.at_length
def test_a_server_that_stays_away_ends_the_job_when_patience_is_spent(
    server: RealMilvus, milvus: MilvusConfig
) -> None:
    collection = made(milvus)
    impatient = replace(milvus, patience_s=3.0, timeout_s=2.0)
    writer = Writer(impatient, collection, dimension=DIMENSION)
    writer.write(rows(10))
    server.stop()
    began = time.monotonic()
    with pytest.raises(RuntimeFailure, match="Bring it back and run the same command"):
        writer.write(rows(100))
    assert time.monotonic() - began < 60


@pytest.mark.at_length
def test_a_load_by_a_file_is_done_again_where_the_server_ended_in_it(
    server: RealMilvus, milvus: MilvusConfig, tmp_path: Path
) -> None:
    bulk = replace(milvus, load="bulk", bulk_uri=str(tmp_path / "bulk"), metadata_fields=("year",))
    work = LoadWork(root=str(tmp_path / "store"), ecr_prefix="ecr/f", vector_prefix="vectors/f",
                    prefix="indexes/i/v1/load", dead_letter_prefix="dead-letter/i", milvus=bulk,
                    collection=made(bulk, OF_SHARDS), dimension=OF_SHARDS)  # fmt: skip
    store = open_store(work.root)
    shards = given(store, rows=60, per_shard=7)
    with ThreadPoolExecutor(1) as beside:
        loading = beside.submit(lambda: list(BulkLoadShards(work).commit(shards)))
        while not any(key.endswith(".task.json") for key, _ in store.list(work.journal_prefix)):
            assert not loading.done(), loading.result()
            time.sleep(0.01)
        server.kill()
        server.start()
        loading.result()
    require_whole(work, shards)
