from pathlib import Path

import pytest

from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.milvus.bulk import place_of
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.journal import Batch, Journal


def batch(name: str, *shards: str) -> Batch:
    return Batch(name=name, shards=shards, rows=5, place="s3://b/p", file=f"c/{name}.parquet",
                 path=f"p/c/{name}.parquet")  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


@pytest.fixture
def journal(store: Store) -> Journal:
    return Journal(store, "indexes/i/v1/bulk")


def test_what_was_begun_is_found_by_its_shards(journal: Journal) -> None:
    assert list(journal.batches_of(["s1"])) == []
    for each in (batch("a", "s1", "s2"), batch("b", "s3"), batch("c", "s2", "s4")):
        journal.begin(each)
    journal.asked(batch("a", "s1", "s2"), 470)
    journal.end(batch("c", "s2", "s4"), "failed")
    assert list(journal.batches_of(["s2"])) == [
        (batch("a", "s1", "s2"), None),
        (batch("c", "s2", "s4"), "failed"),
    ]
    assert list(journal.batches_of(["s5"])) == []
    assert journal.task_of(batch("a", "s1", "s2")) == 470
    assert journal.task_of(batch("b", "s3")) is None


def test_the_first_word_on_an_end_stays(journal: Journal) -> None:
    """Two workers may settle the batch of an earlier run at once."""
    journal.begin(batch("a", "s1"))
    journal.end(batch("a", "s1"), "completed")
    journal.end(batch("a", "s1"), "unheard")
    assert [end for _, end in journal.batches_of(["s1"])] == ["completed"]


def test_versions_are_apart(journal: Journal, store: Store) -> None:
    journal.begin(batch("a", "s1"))
    assert list(Journal(store, "indexes/i/v2/bulk").batches_of(["s1"])) == []


@pytest.mark.parametrize(
    ("uri", "path", "place"),
    [
        ("s3://milvus/imports/", "", "imports"),
        ("s3://milvus", "", ""),
        ("/data/bulk", "", "/data/bulk"),
        ("file:///data/bulk", "", "/data/bulk"),
        ("/mnt/here", "/var/lib/milvus/bulk/", "/var/lib/milvus/bulk"),
    ],
)
def test_a_place_is_named_as_the_server_sees_it(uri: str, path: str, place: str) -> None:
    assert place_of(MilvusConfig(bulk_uri=uri, bulk_path=path)) == place
