"""Every kind of bad row through the whole job: each becomes its class, and nothing else happens."""

from collections import Counter
from pathlib import Path

import pytest

from tests.media import files
from tests.pipelines.bad_rows import CONTEXT, NOBODY, BadCorpus, bad_corpus
from tests.pipelines.conftest import Configured, run
from tte2_ray.artifacts.dead_letters import DeadLetter, read_dead_letters
from tte2_ray.artifacts.store import open_store
from tte2_ray.artifacts.tables import iter_table
from tte2_ray.errors import PartialFailure
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.publish import live_version
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.server import resolve
from tte2_ray.schema import ecr_schema

EVERYTHING = (
    "failure_budget=1",
    f"reasoner.engine.max_model_len={CONTEXT}",
    "verify.max_tied_share=1",  # pictures that must be read alike have vectors alike
)


def test_every_kind_of_bad_row_becomes_its_class(configured: Configured, tmp_path: Path) -> None:
    corpus = bad_corpus(tmp_path / "bad")
    loaded = configured(f"corpus.path={corpus.manifest()}", *EVERYTHING)
    results, said = run(loaded)

    good = sorted(item_id for item_id, error_class in corpus.expected if error_class == NOBODY)
    assert results["rows"] == {
        "in": len(corpus.expected),
        "indexed": len(good),
        "unchanged": 0,
        "rejected": len(corpus.expected) - len(good),
    }, said
    letters = _letters(loaded.config.store)
    named = sorted((letter.item_id, letter.error_class) for letter in letters)
    assert named == _expected_letters(corpus)
    assert results["rejected_by_class"] == dict(Counter(c for _, c in corpus.expected if c))
    assert all(letter.message and letter.row for letter in letters)

    searcher = Searcher(resolve(loaded.config.milvus))
    assert sorted(searcher.page(results["collection"], offset=0, limit=100)) == good
    _check_what_the_model_saw(loaded.config.store)


def test_a_folder_of_files_is_held_to_the_same(configured: Configured, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    jpeg = files.encoded(files.photo(64, 48), "JPEG")
    for name, data in {
        "good.jpg": jpeg,
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "zero.mp4": b"",
        "locked.pdf": files.pdf(password="secret"),
        "pages.pdf": files.pdf(2),
        "words.txt": b"words",
        "latin.txt": "Gr\u00fc\u00dfe".encode("latin-1"),
        "program.exe": b"MZ",
    }.items():
        (folder / name).write_bytes(data)
    loaded = configured(f"corpus.path={folder}", "failure_budget=1")
    results, _ = run(loaded)
    assert {letter.item_id: letter.error_class for letter in _letters(loaded.config.store)} == {
        "cut.jpg": "corrupt_media",
        "zero.mp4": "empty_file",
        "locked.pdf": "encrypted",
        "latin.txt": "bad_encoding",
        "program.exe": "unsupported_type",
    }
    assert results["rows"] == {"in": 9, "indexed": 4, "unchanged": 0, "rejected": 5}


def _expected_letters(corpus: BadCorpus) -> list[tuple[str, str]]:
    return sorted((item_id, name) for item_id, name in corpus.expected if name != NOBODY)


def _letters(root: str) -> list[DeadLetter]:
    store = open_store(root)
    keys = [key for key, _ in store.list("dead-letter")]
    keys += [key for key, _ in store.list("corpora/corpus/dead-letter")]
    return list(read_dead_letters(store, keys))


def _check_what_the_model_saw(root: str) -> None:
    """The fake reasoner writes a hash of the pixels: equal words mean equal pictures."""
    store = open_store(root)
    keys = [key for key, _ in store.list("ecr") if key.endswith(".parquet")]
    rows = {
        row["item_id"]: row
        for key in keys
        for batch in iter_table(store, key, ecr_schema())
        for row in batch.to_pylist()
    }
    assert rows["rotated"]["ecr"] == rows["upright"]["ecr"]
    assert "first of 2 frames" in rows["animated"]["notes"]
    assert "scaled 20000x40" in rows["20,000 pixels long"]["notes"]
    assert rows["cmyk"]["ecr"] == rows["cmyk as rgb"]["ecr"]
    assert rows["16 bit"]["ecr"] == rows["16 bit as 8"]["ecr"] != rows["cmyk"]["ecr"]


def test_a_corpus_of_nothing_but_bad_rows_serves_nothing(
    configured: Configured, tmp_path: Path
) -> None:
    manifest = tmp_path / "bad.jsonl"
    manifest.write_text('{"item_id": "a"}\n{"text": "nobody"}\n')
    loaded = configured(f"corpus.path={manifest}", "failure_budget=1")
    with pytest.raises(PartialFailure, match="all 2 rows of the corpus were rejected: 1 empty_row"):
        run(loaded)
    milvus = resolve(loaded.config.milvus)
    assert live_version(connect(milvus), milvus, loaded.config.index) == ""
