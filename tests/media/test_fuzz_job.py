"""What a job does with 2,400 damaged files and the bombs: each is an item or a rejected row, in
bounded time and memory, and the job goes on.

Without Ray and with a double for the engine (`kind: fake`), for it is the files that are tried;
reading, freezing, decoding and committing are the real ones.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.media.bombs import bombs
from tests.media.mutations import DAMAGES, mutant, originals
from tte2_ray.artifacts.corpus import RejectedRow, parquet, read_corpus, require_items
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.keys import EcrRecipe
from tte2_ray.artifacts.markers import table_key
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.artifacts.tables import read_table
from tte2_ray.engines import EngineConfig, ReasonerConfig
from tte2_ray.errors import ResourceMissingError, ValidationError
from tte2_ray.media import MediaLimits
from tte2_ray.media.isolated import end_children
from tte2_ray.schema import Item, ecr_schema
from tte2_ray.stages.reason import ReasonShards, ReasonWork

EACH = 300
"""Mutants of a format; there are eight."""
MANIFESTS = ("parquet", "jsonl")
LIMITS = MediaLimits(decode_timeout_s=30.0, decode_memory_mb=384)
OF_FILES = {"corrupt_media", "decoder_died", "empty_file", "encrypted", "no_such_page",
            "too_large", "unsupported_type"}  # fmt: skip
ENGINE = ReasonerConfig(engine=EngineConfig(kind="fake", decode_threads=2, max_in_flight=32))
RECIPE = EcrRecipe(instruction="look", reasoner="fake", prompt_version="1")


@contextmanager
def bounded(*, seconds: float, mebibytes: int) -> Iterator[None]:
    """Fails where what is done takes longer, or at its height this much more memory of ours."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here on
    began, before = time.monotonic(), psutil.Process().memory_info().rss
    yield
    peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) << 10
    assert time.monotonic() - began < seconds
    assert peak - before < mebibytes << 20


def written(folder: Path, names: set[str]) -> Path:
    """A folder of mutants and bombs of these formats; a mutant is named by its index."""
    folder.mkdir()
    for name in names:
        for index in range(EACH):
            (folder / f"{index}.{name}").write_bytes(mutant(name, index)[1])
    for name, data in bombs().items():
        if name.split(".")[1] in names:
            (folder / name).write_bytes(data)
    return folder


def reasoned(store: Store, folder: Path) -> tuple[Counter[str], dict[str, str]]:
    """The rows that became no item by their class, and the class of each item's row ("": good)."""
    found = list(require_items(read_corpus(str(folder), limits=LIMITS)))
    refused = Counter(row.error_class.value for row in found if isinstance(row, RejectedRow))
    work = ReasonWork(index="t", root=store.root, prefix="ecr/f", recipe=RECIPE, reasoner=ENGINE,
                      limits=LIMITS)  # fmt: skip
    stage, ends = ReasonShards(work), {}
    shards = freeze_plan(store, "corpora/c", found, 200).shards

    async def commit() -> None:
        for shard in shards:
            await stage.commit(shard)

    asyncio.run(commit())
    for shard in shards:
        for row in read_table(store, table_key("ecr/f", shard), ecr_schema()).to_pylist():
            ends[row["item_id"]] = row["error_class"]
    assert set(ends) == {row.item_id for row in found if isinstance(row, Item)}
    return refused, ends


def test_a_folder_of_damaged_media(tmp_path: Path) -> None:
    formats = set(originals()) - set(MANIFESTS)
    folder = written(tmp_path / "media", formats)
    store = open_store(str(tmp_path / "store"))
    with bounded(seconds=250, mebibytes=400):
        refused, ends = reasoned(store, folder)
    end_children()
    files = {item_id.partition("#")[0] for item_id in ends}
    assert len(files) + refused.total() == len(list(folder.iterdir()))
    assert set(ends.values()) | set(refused) <= OF_FILES | {""}
    assert ends["in-itself.pdf#page=1"] == "decoder_died"
    assert ends["whole.png"] == ""
    classes = defaultdict(set)
    for item_id, error_class in ends.items():
        classes[item_id.partition("#")[0].rpartition(".")[2]].add(error_class)
    for name in formats:
        assert {"", "corrupt_media"} <= classes[name], f"{name} is damaged too much, or too little"


@pytest.mark.parametrize("name", MANIFESTS)
def test_damaged_manifests(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MAX_MEMORY_MB", LIMITS.decode_memory_mb)
    folder = written(tmp_path / name, {name})
    ends: Counter[str] = Counter()
    with bounded(seconds=200, mebibytes=400):
        for file in sorted(folder.iterdir()):
            try:
                ends.update(type(row).__name__ for row in read_corpus(str(file)))
            except (ValidationError, ResourceMissingError):
                ends["refused"] += 1
    assert ends["Item"], f"{name} is damaged too much"
    assert ends["refused" if name == "parquet" else "RejectedRow"], "… too little"


def test_a_mutant_can_be_made_again() -> None:
    for index in range(len(DAMAGES)):
        assert mutant("png", index) == mutant("png", index)
    assert {mutant("png", index)[0] for index in range(EACH)} == set(DAMAGES)
    assert len({mutant("png", index)[1] for index in range(EACH)}) > 0.9 * EACH
