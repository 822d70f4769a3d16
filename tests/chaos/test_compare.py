"""The comparison that `make chaos` rests on: a whole index is broken by hand, and it says how."""

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import world as world_module
from tests.chaos.breaks import (
    EVERY,
    ITEM,
    Break,
    a_check_failed,
    a_collection_is_left,
    a_file_is,
    a_file_is_lost,
    a_row_is,
    a_row_is_lost,
    a_vector_is_another,
    collection_of,
    results_say,
    rows_of,
    the_manifest_is_lost,
    version_of,
)
from tests.chaos.compare import COMPARED, unlike
from tests.chaos.faults import Kind
from tests.chaos.harness import Harness, Injection
from tests.chaos.world import Reference, World
from tte2_ray.artifacts.garbage import Garbage
from tte2_ray.artifacts.manifest import manifest_key
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.garbage import Collector
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.server import resolve, stop_server


@pytest.fixture(scope="module")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusConfig]:
    folder = tmp_path_factory.mktemp("compare")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield resolve(MilvusConfig(data_dir=str(folder / "milvus")))
        stop_server(folder / "milvus")


@pytest.fixture(scope="module")
def finished(
    milvus: MilvusConfig, tmp_path_factory: pytest.TempPathFactory
) -> tuple[World, Reference]:
    world = World(tmp_path_factory.mktemp("index") / "world", "first", milvus, "compared")
    with world.ended():
        return world, world.refer()


@pytest.fixture
def reference(finished: tuple[World, Reference]) -> Reference:
    return finished[1]


@pytest.fixture
def world(finished: tuple[World, Reference], tmp_path: Path) -> Iterator[World]:
    """The finished index; what a test breaks of it is whole again for the next one."""
    world = finished[0]
    client, collection, rows = connect(world.milvus), collection_of(world), rows_of(world)
    kept = shutil.copytree(world.folder, tmp_path / "kept")
    yield world
    shutil.rmtree(world.folder)
    shutil.copytree(kept, world.folder)
    client.delete(collection, filter=EVERY)
    client.insert(collection, rows)
    for other in client.list_collections():
        if other.startswith(f"{world.name}__") and other != collection:
            client.drop_collection(other)


BREAKS: dict[str, tuple[Break, str]] = {
    "a row is lost": (a_row_is_lost, f"1 rows lost, such as {ITEM}"),
    "a row too many": (a_row_is(item_id="another"), "1 rows too many, such as another"),
    "another vector": (a_vector_is_another, f"1 rows differ, such as {ITEM}"),
    "another ECR": (a_row_is(ecr="<think></think>other"), f"1 rows differ, such as {ITEM}"),
    "another key": (a_row_is(embedding_key="0" * 64), f"1 rows differ, such as {ITEM}"),
    "other metadata": (a_row_is(metadata={"a": 1}), f"1 rows differ, such as {ITEM}"),
    "other tokens": (a_row_is(output_tokens=99), f"1 rows differ, such as {ITEM}"),
    "a check that failed": (a_check_failed, "which was not verified"),
    "a lost letter": (a_file_is_lost("/decode-"), "missing in the store: {'dead-letter/INDEX"),
    "an orphan of a version": (a_file_is("indexes/{name}/{version}/left.bin"),
                               "orphans that gc does not list: {'indexes/INDEX/v#/left.bin'"),
    "an orphan of a planned shard": (a_file_is("ecr/" + "0" * 64 + "/{shard}.parquet"),
                                     "orphans that gc does not list: {'ecr/#/shard-#.parquet'"),
    "a row in, which nobody knows": (results_say(**{"in": 1, "indexed": 1}), "in place of"),
    "a rejected row that is called indexed": (results_say(rejected=-1, indexed=1), "in place of"),
    "a row indexed too many": (results_say(indexed=1), "the accounting is open"),
    "a version that is not live": (results_say(live=False), "the version is not live"),
}  # fmt: skip


@pytest.mark.parametrize(("breaks", "told"), BREAKS.values(), ids=BREAKS)
def test_what_is_wrong_at_the_end_is_named_and_nothing_else(
    world: World, reference: Reference, breaks: Break, told: str
) -> None:
    assert world.differences(reference) == []
    breaks(world)
    (problem,) = world.differences(reference)
    assert told in problem


@pytest.mark.parametrize("kind", ["rows/", "ecr/", "vectors/", "load/", "dead-letter/read"])
def test_a_lost_object_is_named_also_where_another_of_its_kind_is_left_over(
    world: World, reference: Reference, kind: str
) -> None:
    gone = next(key for key, _ in world.store.list() if kind in key)
    world.store.delete(gone)
    missing, lost = world.differences(reference)
    assert missing.startswith("missing in the store: ")
    assert lost == f"1 objects of the version lost, such as {gone}"
    world.store.put(re.sub("[0-9a-f]{32,}", "0" * 32, gone), b"left")
    assert lost in world.differences(reference)


def test_an_alias_on_a_version_without_a_manifest_is_named(
    world: World, reference: Reference
) -> None:
    version = version_of(world)
    the_manifest_is_lost(world)
    unverified = f"the alias points to {version}, which was not verified"
    assert world.half_visible(reference) == [unverified]
    problems = world.differences(reference)
    assert problems[0] == unverified
    assert any("indexes/INDEX/v#/manifest.json" in each for each in problems)
    assert f"knows nothing of version {version}" in problems[-1]


@pytest.mark.parametrize("breaks", [a_row_is_lost, a_row_is(item_id="another"),
                                    a_vector_is_another, a_row_is(ecr="other")])  # fmt: skip
def test_readers_that_see_half_an_index_are_noticed(
    world: World, reference: Reference, breaks: Break
) -> None:
    assert world.half_visible(reference) == []
    breaks(world)
    problems = world.half_visible(reference)
    assert problems == ["readers see neither the state before nor the one after"]


def test_a_doubled_row_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count is a double: Milvus Lite replaces a row that is inserted again. A server counts
    both, and tells one."""
    count = Searcher.count
    monkeypatch.setattr(Searcher, "count", lambda self, name: count(self, name) + 1)
    with pytest.raises(AssertionError, match="rows are doubled"):
        world.contents()


def test_a_vector_of_another_dimension_is_another() -> None:
    one = dict.fromkeys(COMPARED, "") | {"vector": [0.5, 0.5]}
    assert unlike({"a": one | {"vector": [0.5, 0.50001]}}, {"a": one}) == []
    (problem,) = unlike({"a": one | {"vector": [0.5]}}, {"a": one})
    assert problem == "1 rows differ, such as a"


def test_what_gc_lists_is_no_orphan(world: World, reference: Reference) -> None:
    a_file_is("ecr/" + "0" * 64 + "/shard-" + "0" * 32 + ".parquet")(world)
    a_collection_is_left(world)
    assert world.differences(reference) == []


def test_a_gc_that_misses_a_collection_is_noticed(
    world: World, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_collection_is_left(world)
    monkeypatch.setattr(Collector, "collections", lambda self: [])
    (problem,) = world.differences(reference)
    assert problem == f"collections that gc does not list: ['{world.name}__left']"


def test_a_gc_that_lists_what_is_needed_is_noticed(
    world: World, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = manifest_key(world.name, version_of(world))
    collection = collection_of(world)
    monkeypatch.setattr(
        world_module, "garbage", lambda *_: [Garbage(kind="version", key=key, size=1)]
    )
    monkeypatch.setattr(Collector, "collections", lambda self: [collection])
    assert world.differences(reference) == [
        "gc lists what is needed: {'indexes/INDEX/v#/manifest.json': 1}",
        f"gc lists collections that are needed: ['{collection}']",
    ]


def test_a_broken_index_fails_its_injection(milvus: MilvusConfig, tmp_path: Path) -> None:
    def loses_a_row(world: World, reference: Reference, draw: random.Random) -> str:
        world.require_run(world.command())
        a_row_is_lost(world)
        return "lost a row"

    kind = Kind(name="a row is lost", disturb=loses_a_row, count=1)
    (outcome,) = Harness(tmp_path, milvus).run_all(
        [Injection(kind=kind, scenario="first", seed=1)], threads=1
    )
    assert outcome.problems
