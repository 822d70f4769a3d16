"""What is a corpus: files, folders and patterns, and whose id comes first."""

from pathlib import Path

import pyarrow as pa
import pytest

from tests.artifacts.corpora import classes, ids, lines, parquet, source
from tte2_ray.artifacts.corpus import read_corpus
from tte2_ray.artifacts.corpus.seen import SeenIds
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ConfigError, ResourceMissingError
from tte2_ray.schema import Item


def test_folders_and_patterns_of_manifests(store: Store) -> None:
    for day in ("1", "2"):
        row = [{"item_id": f"p{day}", "text": "x"}]
        store.put(f"hive/day={day}/part.parquet", parquet(row))
    assert ids(list(read_corpus(source(store, "hive")))) == ["p1", "p2"]
    assert ids(list(read_corpus(source(store, "hive/**/*.parquet")))) == ["p1", "p2"]
    assert ids(list(read_corpus(source(store, "hive/day=[2-9]/*.parquet")))) == ["p2"]
    store.put("top/rows-1.jsonl", lines({"item_id": "j1", "image_uri": "i.png"}))
    store.put("top/rows-2.ndjson", lines({"item_id": "j2", "text": "x"}))
    store.put("mixed/rows.jsonl", lines({"item_id": "j", "text": "x"}))
    store.put("mixed/i.png", b"1")
    assert ids(list(read_corpus(source(store, "mixed/*.png")))) == ["i.png"]
    store.put("top/README.md", b"what these rows are")
    assert ids(list(read_corpus(source(store, "top/")))) == ["j1", "j2"]
    assert ids(list(read_corpus(source(store, "top/rows-?.jsonl")))) == ["j1"]
    store.put("top/rows.parquet", parquet([{"item_id": "p", "text": "x"}]))
    with pytest.raises(ConfigError, match="name one"):
        read_corpus(source(store, "top"))
    assert ids(list(read_corpus(source(store, "top"), "parquet"))) == ["p"]


def test_a_corpus_that_is_missing_or_empty_ends_the_job(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for missing in ("nothing", "nothing.jsonl", "no/*.jsonl"):
        with pytest.raises(ResourceMissingError, match=r"nothing|no file"):
            read_corpus(source(store, missing))
    with pytest.raises(ResourceMissingError, match="empty"):
        read_corpus(str(tmp_path / "empty"))
    store.put("blank.jsonl", b"\n\n")
    schema = pa.schema([("item_id", pa.string())])
    store.put("none.parquet", parquet([], schema))
    for empty in ("blank.jsonl", "none.parquet"):
        with pytest.raises(ResourceMissingError, match="has no rows"):
            list(read_corpus(source(store, empty)))
    store.put("file.dat", b"1")
    with pytest.raises(ConfigError, match="format"):
        read_corpus(source(store, "file.dat"))


def test_the_first_of_an_id_wins_across_files(disk_store: Store) -> None:
    disk_store.put("c/1.jsonl", lines({"item_id": "a", "text": "1"}, {"item_id": "b"}))
    disk_store.put("c/2.jsonl", lines({"item_id": "b", "text": "2"}, {"item_id": "a", "text": "3"}))
    rows = list(read_corpus(source(disk_store, "c")))
    assert [(row.item_id, row.text) for row in rows if isinstance(row, Item)] == [
        ("a", "1"),
        ("b", "2"),
    ]
    assert classes(rows) == ["empty_row", "duplicate_id"]


def test_seen_ids_remembers_more_than_its_cache(tmp_path: Path) -> None:
    with SeenIds() as seen:
        assert all(seen.add(f"id-{n}") for n in range(100_000))
        assert not any(seen.add(f"id-{n}") for n in range(0, 100_000, 7))
