"""What runs left that were cut off is listed, and deleted while nobody works; nothing else is."""

import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.artifacts.conftest import items_of
from tests.milvus.conftest import DIMENSION
from tests.milvus.test_command import SHIPPED, add_version, command  # noqa: F401 – fixtures
from tte2_ray.artifacts.dead_letters import DeadLetter, write_dead_letters
from tte2_ray.artifacts.finished import Finished
from tte2_ray.artifacts.freeze import freeze_plan, with_media_versions, write_shard
from tte2_ray.artifacts.garbage import garbage
from tte2_ray.artifacts.lease import LeaseConfig, LeaseHeldError, held
from tte2_ray.artifacts.store import open_store
from tte2_ray.artifacts.working import working
from tte2_ray.milvus.collection import CollectionSpec, ensure_collection
from tte2_ray.milvus.command import run_command
from tte2_ray.milvus.config import MilvusConfig

LETTER = DeadLetter(
    item_id="a", shard="", stage="read", error_class="empty_row", message="m", row="{}"
)


def told(corpus: str, version: str) -> bytes:
    """A record of what was finished."""
    return json.dumps(asdict(Finished(corpus=corpus, corpus_digest="p", version=version))).encode()


@pytest.fixture
def needed(tmp_path: Path, index: str, add_version: Callable[..., None]) -> set[str]:  # noqa: F811
    """Keys of what serves something."""
    store = open_store(str(tmp_path))
    add_version("v1")
    plan = freeze_plan(store, "corpora/c", items_of(10), 4)
    freeze_plan(store, "queries/q", items_of(3), 4)
    for shard in plan.shards:
        store.put(f"ecr/r/shard-{shard.name}.parquet", b"t")
        store.put(f"ecr/r/shard-{shard.name}.done.json", b"{}")
        store.put(f"indexes/{index}/v1/load/shard-{shard.name}.done.json", b"{}")
    write_dead_letters(store, f"dead-letter/{index}-v1", [LETTER])
    write_dead_letters(store, "dead-letter/other-v7", [LETTER])
    store.put("runs/r1/run.trec", b"")
    for number, corpus, version in ((1, "c", "v0"), (3, "c", "v1"), (4, "d", "v9"), (5, "c", "v0")):
        store.put(f"indexes/{index}/finished/000000000{number}.json", told(corpus, version))
    with held(store, index, LeaseConfig(), io.StringIO()):
        pass
    return {key for key, _ in store.list()}


@pytest.fixture
def left(
    tmp_path: Path, index: str, client: Any, config: MilvusConfig, needed: set[str]
) -> set[str]:
    """Keys of garbage, of every kind."""
    store = open_store(str(tmp_path))
    (tmp_path / "ecr" / ".tmp-1").write_bytes(b"half a table")
    store.put(".preflight/1", b"1")
    write_shard(store, "corpora/c", with_media_versions(items_of(2), None))
    write_dead_letters(store, "corpora/c/dead-letter", [LETTER])
    store.put("vectors/e/shard-nobody.parquet", b"t")
    store.put("vectors/e/shard-nobody.done.json", b"{}")
    store.put(f"indexes/{index}/v2/load/shard-x.done.json", b"{}")
    write_dead_letters(store, f"dead-letter/{index}-v2", [LETTER])
    store.put(f"indexes/{index}/finished/0000000002.json", told("c", "v1"))
    spec = CollectionSpec(index=index, version="v2", fingerprint="e", dimension=DIMENSION)
    ensure_collection(client, config, spec)
    return {key for key, _ in store.list()} - needed


def test_it_is_listed_and_nothing_else(
    needed: set[str], left: set[str], command: Any, index: str, tmp_path: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    store = open_store(str(tmp_path))
    assert command("gc", "--dry-run") == 0
    said = capsys.readouterr().out
    listed = {line.split()[-1] for line in said.splitlines() if "://" in line}
    assert listed == {store.uri(key) for key in left} | {store.uri("ecr/.tmp-1")}
    assert f"collection               {index}__v2" in said
    assert "would be deleted" in said
    assert {key for key, _ in store.list()} == needed | left


def test_it_is_deleted_and_nothing_else(
    needed: set[str], left: set[str], command: Any, index: str, tmp_path: Path, client: Any,  # noqa: F811
) -> None:  # fmt: skip
    store = open_store(str(tmp_path))
    assert command("gc") == 0
    after = {key for key, _ in store.list() if not key.startswith("leases/")}
    assert after == {key for key in needed if not key.startswith("leases/")}
    assert not (tmp_path / "ecr" / ".tmp-1").exists()
    assert not client.has_collection(f"{index}__v2")
    assert client.has_collection(f"{index}__v1")


def test_what_readers_see_is_safe_from_a_store_that_knows_nothing_of_it(
    needed: set[str], command: Any, index: str, tmp_path: Path, client: Any,  # noqa: F811
    config: MilvusConfig, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert command("promote", "v1") == 0
    other = [f"index={index}", f"store={tmp_path / 'other'}", f"milvus.uri={config.uri}"]
    for dry in (["--dry-run"], []):
        assert run_command(["gc", *dry, *other], default=SHIPPED) == 5
        assert "knows nothing of version v1, which readers of" in capsys.readouterr().err
    assert client.has_collection(f"{index}__v1")
    assert needed <= {key for key, _ in open_store(str(tmp_path)).list()}


def test_versions_are_dropped_by_who_works_on_the_index_alone(
    needed: set[str], command: Any, index: str, tmp_path: Path, client: Any,  # noqa: F811
) -> None:  # fmt: skip
    with held(open_store(str(tmp_path)), index, LeaseConfig(expiry_s=1), io.StringIO()):
        assert command("drop-old", "--keep", "0", "lease.expiry_s=1") == 3
    assert client.has_collection(f"{index}__v1")
    assert command("drop-old", "--keep", "0") == 0
    assert not client.has_collection(f"{index}__v1")


@pytest.mark.parametrize("busy", ["own", "another"])
def test_nothing_is_deleted_while_a_job_works_on_the_store(
    left: set[str], command: Any, index: str, tmp_path: Path, busy: str,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    store = open_store(str(tmp_path))
    held_index = index if busy == "own" else "another"
    with held(store, held_index, LeaseConfig(expiry_s=1), io.StringIO()):
        assert command("gc", "lease.expiry_s=2") == 3
        assert left <= {key for key, _ in store.list()}
    assert f"index {held_index} is worked on by" in capsys.readouterr().err


def test_nobody_begins_while_it_is_deleted(
    left: set[str], command: Any, index: str, tmp_path: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """What a job that begins then finds in the store may be gone once its plan names it."""
    store, refused = open_store(str(tmp_path)), list[str]()

    def begun_meanwhile(*given: Any) -> Any:
        begun = working(store, "another", LeaseConfig(expiry_s=6), io.StringIO())
        with pytest.raises(LeaseHeldError) as error, begun:
            pass
        refused.append(str(error.value))
        return garbage(*given)

    monkeypatch.setattr("tte2_ray.milvus.garbage.garbage", begun_meanwhile)
    assert command("gc", "lease.expiry_s=6") == 0
    assert "garbage is being deleted" in refused[0]
    assert not left & {key for key, _ in store.list()}
