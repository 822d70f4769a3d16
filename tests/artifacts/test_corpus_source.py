"""Folders that could mean two things, and names that no key may have."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.artifacts.corpora import classes, ids
from tte2_ray.artifacts.corpus import RejectedRow, read_corpus
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ConfigError, ValidationError

PutRaw = Callable[[str, bytes], None]
LINE = json.dumps({"item_id": "j", "text": "x"}).encode()


@pytest.mark.parametrize("media", ["i.png", "deeper/i.png", "note.txt", "license-plate.jpg"])
def test_a_folder_with_both_a_manifest_and_media_files_is_not_guessed_at(
    store: Store, media: str
) -> None:
    store.put("f/captions.jsonl", LINE)
    store.put(f"f/{media}", b"1")
    folder = f"{store.root}/f"
    with pytest.raises(ConfigError, match=r"manifest, captions\.jsonl, and media files") as raised:
        read_corpus(f"{folder}/")
    for part in (media, f"corpus.path={folder}/captions.jsonl", "corpus.format=files"):
        assert part in str(raised.value)
    assert ids(list(read_corpus(f"{folder}/captions.jsonl"))) == ["j"]
    assert ids(list(read_corpus(folder, "jsonl"))) == ["j"]
    files = list(read_corpus(folder, "files"))
    assert ids(files) == [media]
    assert classes(files) == ["unsupported_type"]


def test_partitioned_manifests_with_media_files_are_not_guessed_at_either(store: Store) -> None:
    part = pa.BufferOutputStream()
    pq.write_table(pa.table({"item_id": ["p"], "text": ["x"]}), part)
    store.put("f/day=1/part.parquet", part.getvalue().to_pybytes())
    store.put("f/day=2/i.png", b"1")
    with pytest.raises(ConfigError, match=r"day=1/part\.parquet, and media files, day=2/i\.png"):
        read_corpus(f"{store.root}/f")
    assert ids(list(read_corpus(f"{store.root}/f", "parquet"))) == ["p"]


def test_an_s3_key_with_an_empty_part_is_a_row_error(
    odd_key: tuple[Store, PutRaw],
) -> None:
    store, put = odd_key
    for key in ("a.png", "a//b.png", "a//c.txt", "a//d.pdf", "/e.png", "z.txt"):
        put(key, b"words")
    rows = list(read_corpus(store.root))
    assert ids(rows) == ["a.png", "z.txt"]
    rejected = [row for row in rows if isinstance(row, RejectedRow)]
    assert [row.item_id for row in rejected] == ["/e.png", "a//b.png", "a//c.txt", "a//d.pdf"]
    assert set(classes(rows)) == {"bad_id"}
    assert f"{store.root}/a//b.png: the name of the object has an empty" in rejected[1].message


def test_a_manifest_whose_name_has_an_empty_part_ends_the_job(
    odd_key: tuple[Store, PutRaw],
) -> None:
    store, put = odd_key
    put("a//rows.jsonl", LINE)
    with pytest.raises(ValidationError, match=r"a//rows\.jsonl: its name has an empty part"):
        list(read_corpus(f"{store.root}/**/*.jsonl"))


def test_a_folder_may_be_named_by_dots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f" / "sub").mkdir(parents=True)
    (tmp_path / "f" / "a.txt").write_text("words")
    monkeypatch.chdir(tmp_path / "f" / "sub")
    assert ids(list(read_corpus(".."))) == ids(list(read_corpus("../../f/"))) == ["a.txt"]
