"""The frozen plan: every row is in a shard or a dead letter, and names follow content."""

import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.artifacts.conftest import items_of
from tte2_ray.artifacts.corpus import read_corpus
from tte2_ray.artifacts.dead_letters import (
    read_dead_letters,
)
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.media_versions import MediaVersions
from tte2_ray.artifacts.shards import Plan, list_plans, read_plan, read_shard
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.errors import (
    ConfigError,
    ValidationError,
)
from tte2_ray.media import MediaLimits
from tte2_ray.schema import Item


def _read(store: Store, plan: Plan) -> list[Item]:
    return [item for shard in plan.shards for item in read_shard(store, shard)]


def test_a_plan_holds_all_rows_in_order(store: Store) -> None:
    items = items_of(10, metadata={"k": "ü"}, image_uris=("file:///a", "file:///b"))
    plan = freeze_plan(store, "corpora/c", items, 4)
    assert [shard.rows for shard in plan.shards] == [4, 4, 2]
    assert (plan.rows, plan.rejected, plan.rows_in) == (10, 0, 10)
    assert _read(store, plan) == items
    assert read_plan(store, "corpora/c", plan.corpus_digest) == plan


def test_the_same_corpus_finds_its_plan_and_writes_nothing(store: Store) -> None:
    plan = freeze_plan(store, "corpora/c", items_of(10), 4)
    before = {key: store.stat(key) for key, _ in store.list()}
    assert freeze_plan(store, "corpora/c/", iter(items_of(10)), 4) == plan
    assert {key: store.stat(key) for key, _ in store.list()} == before


def test_a_changed_row_changes_its_shard_alone(disk_store: Store) -> None:
    items = items_of(10)
    plan = freeze_plan(disk_store, "c", items, 4)
    items[5] = Item(item_id="5", text="changed")
    changed = freeze_plan(disk_store, "c", items, 4)
    same = [a.name == b.name for a, b in zip(plan.shards, changed.shards, strict=True)]
    assert same == [True, False, True]
    assert changed.corpus_digest != plan.corpus_digest
    assert changed.rows_digest != plan.rows_digest
    assert freeze_plan(disk_store, "c", items_of(10), 5).corpus_digest != plan.corpus_digest


def test_a_changed_media_file_changes_the_name_of_its_shard(store: Store) -> None:
    store.put("media/a.png", b"one")
    items = items_of(2, image_uris=(store.uri("media/a.png"), store.uri("media/none.png")))
    versions = MediaVersions(MediaLimits())
    first = freeze_plan(store, "c", items, 4, versions=versions)
    assert freeze_plan(store, "c", items, 4, versions=MediaVersions(MediaLimits())) == first
    store.put("media/a.png", b"two")
    second = freeze_plan(store, "c", items, 4, versions=versions)
    assert second.shards[0].name != first.shards[0].name
    assert second.rows_digest == first.rows_digest, "the rows are what they were"
    assert {plan.corpus_digest for plan in list_plans(store, "c")} == {
        first.corpus_digest,
        second.corpus_digest,
    }
    unchecked = freeze_plan(store, "c", items, 4)
    store.put("media/a.png", b"three")
    assert freeze_plan(store, "c", items, 4) == unchecked


def test_rejected_rows_are_counted_and_lie_in_the_dead_letters(store: Store) -> None:
    lines = [
        json.dumps({"item_id": str(n % 7), "text": "x"} if n % 3 else {"item_id": f"bad {n}"})
        for n in range(20)
    ]
    store.put("in/rows.jsonl", "\n".join(lines).encode())
    rows = list(read_corpus(f"{store.root}/in/rows.jsonl"))
    plan = freeze_plan(store, "c", rows, 4)
    assert (plan.rows_in, plan.rows) == (20, 7)
    assert sum(shard.rejected for shard in plan.shards) == plan.rejected == 13
    letters = list(read_dead_letters(store, plan.dead_letters))
    assert all(key.startswith("c/dead-letter/read-") for key in plan.dead_letters)
    assert len(letters) == 13
    assert {letter.error_class for letter in letters} == {"empty_row", "duplicate_id"}
    assert {(letter.stage, letter.shard) for letter in letters} == {("read", "")}
    assert freeze_plan(store, "c", rows, 4) == plan


def test_a_corpus_of_rejected_rows_has_a_plan_without_shards(disk_store: Store) -> None:
    disk_store.put("r.jsonl", b"junk\n" * 600)
    plan = freeze_plan(disk_store, "c", read_corpus(f"{disk_store.root}/r.jsonl"), 4)
    assert (plan.shards, plan.rejected, len(plan.dead_letters)) == ((), 600, 3)


def test_shards_must_hold_a_row(disk_store: Store) -> None:
    with pytest.raises(ConfigError, match="rows_per_shard"):
        freeze_plan(disk_store, "c", items_of(1), 0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.binary(max_size=30).map(lambda b: b.replace(b"\n", b""))
        | st.fixed_dictionaries(
            {}, optional={"item_id": st.text(max_size=3) | st.integers(), "text": st.text()}
        ).map(lambda row: json.dumps(row).encode()),
        min_size=1,
        max_size=40,
    ),
    st.integers(1, 9),
)
def test_rows_in_are_rows_in_shards_and_rejected_rows(lines: list[bytes], size: int) -> None:
    lines = [line for line in lines if line.strip()] or [b"{}"]
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(folder)
        store.put("rows.jsonl", b"\n".join(lines))
        plan = freeze_plan(store, "c", read_corpus(f"{folder}/rows.jsonl"), size)
        items = _read(store, plan)
        letters = list(read_dead_letters(store, plan.dead_letters))
        assert len(items) + len(letters) == plan.rows_in == len(lines)
        assert len({item.item_id for item in items}) == len(items) == plan.rows
        assert all(shard.rows == size for shard in plan.shards[:-1])


def test_a_shard_that_lost_rows_is_not_read(disk_store: Store) -> None:
    one, two = (freeze_plan(disk_store, "c", items_of(n), 9).shards[0] for n in (1, 2))
    disk_store.put(one.key, disk_store.get(two.key))
    with pytest.raises(ValidationError, match="2 rows, planned were 1"):
        read_shard(disk_store, one)


def test_a_plan_of_another_version_is_not_read(disk_store: Store) -> None:
    disk_store.put("c/abc/plan.json", b'{"version": 0}')
    with pytest.raises(ValidationError, match="not a plan of version 2"):
        read_plan(disk_store, "c", "abc")


def test_planning_killed_midway_ends_in_the_same_plan(tmp_path: Path) -> None:
    rows = b"".join(b'{"item_id": "%d", "text": "x"}\n' % n for n in range(100))
    (tmp_path / "rows.jsonl").write_bytes(rows)
    script = (
        "import os, sys\n"
        "from tte2_ray.artifacts import freeze\n"
        "from tte2_ray.artifacts.corpus import read_corpus\n"
        "from tte2_ray.artifacts.store import open_store\n"
        "folder, deaths = sys.argv[1], int(sys.argv[2])\n"
        "write = freeze.write_table\n"
        "def write_and_die(*args):\n"
        "    global deaths\n"
        "    write(*args)\n"
        "    deaths -= 1\n"
        "    if deaths == 0: os._exit(9)\n"
        "freeze.write_table = write_and_die\n"
        "rows = read_corpus(f'{folder}/rows.jsonl')\n"
        "freeze.freeze_plan(open_store(f'{folder}/store'), 'c', rows, 10)\n"
    )
    died = subprocess.run([sys.executable, "-c", script, str(tmp_path), "4"], check=False)
    assert died.returncode == 9
    store = open_store(str(tmp_path / "store"))
    assert not any(key.endswith("plan.json") for key, _ in store.list())
    plan = freeze_plan(store, "c", read_corpus(str(tmp_path / "rows.jsonl")), 10)
    whole = open_store(str(tmp_path / uuid.uuid4().hex))
    assert freeze_plan(whole, "c", read_corpus(str(tmp_path / "rows.jsonl")), 10) == plan
    assert [key for key, _ in whole.list()] == [key for key, _ in store.list()]


def test_memory_does_not_grow_with_rows(tmp_path: Path) -> None:
    """Ten times the rows, the same peak: within 8 MB, of which SQLite may use its cache."""
    script = (
        "import resource, sys\n"
        "from tte2_ray.artifacts.corpus import read_corpus\n"
        "from tte2_ray.artifacts.freeze import freeze_plan\n"
        "from tte2_ray.artifacts.store import open_store\n"
        "folder = sys.argv[1]\n"
        "freeze_plan(open_store(f'{folder}/s'), 'c', read_corpus(f'{folder}/rows.jsonl'), 500)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for count in (3_000, 30_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        with (folder / "rows.jsonl").open("w") as file:
            file.writelines(f'{{"item_id": "{n}", "text": "{"x" * 500}"}}\n' for n in range(count))
        ran = subprocess.run(
            [sys.executable, "-c", script, str(folder)],
            check=True,
            capture_output=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"},
        )
        peaks.append(int(ran.stdout))
    assert peaks[1] - peaks[0] < 8 * 1024
