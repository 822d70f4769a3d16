"""The frozen plan: every row is in a shard or a dead letter, and names follow content."""

import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tte2_ray.artifacts.corpus import read_corpus
from tte2_ray.artifacts.dead_letters import (
    DeadLetter,
    read_dead_letters,
    write_dead_letters,
)
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.markers import (
    mark_done,
    marker_key,
    pending,
    read_marker,
    read_markers,
    table_key,
)
from tte2_ray.artifacts.media_versions import ABSENT, MediaVersions
from tte2_ray.artifacts.shards import Plan, list_plans, read_plan, read_shard
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.errors import (
    ConfigError,
    PrerequisiteError,
    ResourceMissingError,
    ValidationError,
)
from tte2_ray.media import MediaLimits
from tte2_ray.media.limits import SCHEMES
from tte2_ray.schema import Item


def _items(count: int, **fields: Any) -> list[Item]:
    return [Item(**{"item_id": str(n), "text": f"text {n}", **fields}) for n in range(count)]


def _read(store: Store, plan: Plan) -> list[Item]:
    return [item for shard in plan.shards for item in read_shard(store, shard)]


def test_a_plan_holds_all_rows_in_order(store: Store) -> None:
    items = _items(10, metadata={"k": "ü"}, image_uris=("file:///a", "file:///b"))
    plan = freeze_plan(store, "corpora/c", items, 4)
    assert [shard.rows for shard in plan.shards] == [4, 4, 2]
    assert (plan.rows, plan.rejected, plan.rows_in) == (10, 0, 10)
    assert _read(store, plan) == items
    assert read_plan(store, "corpora/c", plan.corpus_digest) == plan


def test_the_same_corpus_finds_its_plan_and_writes_nothing(store: Store) -> None:
    plan = freeze_plan(store, "corpora/c", _items(10), 4)
    before = {key: store.stat(key) for key, _ in store.list()}
    assert freeze_plan(store, "corpora/c/", iter(_items(10)), 4) == plan
    assert {key: store.stat(key) for key, _ in store.list()} == before


def test_a_changed_row_changes_its_shard_alone(disk_store: Store) -> None:
    items = _items(10)
    plan = freeze_plan(disk_store, "c", items, 4)
    items[5] = Item(item_id="5", text="changed")
    changed = freeze_plan(disk_store, "c", items, 4)
    same = [a.name == b.name for a, b in zip(plan.shards, changed.shards, strict=True)]
    assert same == [True, False, True]
    assert changed.corpus_digest != plan.corpus_digest
    assert changed.rows_digest != plan.rows_digest
    assert freeze_plan(disk_store, "c", _items(10), 5).corpus_digest != plan.corpus_digest


def test_a_changed_media_file_changes_the_name_of_its_shard(store: Store) -> None:
    store.put("media/a.png", b"one")
    items = _items(2, image_uris=(store.uri("media/a.png"), store.uri("media/none.png")))
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


def test_versions_of_what_is_absent_or_has_none(store: Store) -> None:
    store.put("a b.png", b"1")
    there, gone = store.uri("a b.png"), store.uri("gone.png")
    odd = ["https://host/x.png", "ftp://x/y", "s3://no-such-bucket-here/x", "s3://", "file:///\0"]
    if not store.root.startswith("s3"):
        odd = [uri for uri in odd if not uri.startswith("s3://no")]
    found = MediaVersions(MediaLimits(allowed_schemes=SCHEMES)).of([there, gone, there, *odd])
    assert found[there] not in ("", ABSENT)
    assert found.pop("https://host/x.png") == ""
    assert {uri for uri, version in found.items() if version == ABSENT} == {gone, *odd[1:]}


def test_what_the_limits_refuse_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = tmp_path / "in" / "a.png", tmp_path / "out" / "a.png"
    for path in (inside, outside):
        path.parent.mkdir()
        path.write_bytes(b"1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody answers: asking fails
    limits = MediaLimits(allowed_schemes=("file",), allowed_file_roots=(str(inside.parent),))
    found = MediaVersions(limits).of([str(inside), str(outside), "s3://bucket/a.png"])
    assert found.pop(str(inside)) != ABSENT
    assert set(found.values()) == {ABSENT}


def test_a_dead_s3_ends_planning_before_anything_is_written(
    s3_endpoint: str, disk_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = _items(2, image_uris=("s3://bucket/a.png",))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(PrerequisiteError, match="cannot reach S3 at http"):
        freeze_plan(disk_store, "c", items, 4, versions=MediaVersions(MediaLimits()))
    assert list(disk_store.list()) == []


class _Refuser(BaseHTTPRequestHandler):
    """S3 as it refuses one object or our credentials: moto knows neither. HEAD has no body."""

    status, code = 400, "InvalidRequest"

    def do_HEAD(self) -> None:
        self._refuse(b"")

    def do_GET(self) -> None:
        self._refuse(f"<Error><Code>{self.code}</Code><Message>no</Message></Error>".encode())

    def _refuse(self, body: bytes) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def refuser(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refuser) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "InvalidRequest"), (403, "AccessDenied"), (400, "KMS.DisabledException")],
)
def test_an_object_that_is_refused_is_absent(
    refuser: None, monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    monkeypatch.setattr(_Refuser, "status", status)
    monkeypatch.setattr(_Refuser, "code", code)
    uri = "s3://bucket/a.png"
    assert MediaVersions(MediaLimits()).of([uri]) == {uri: ABSENT}


@pytest.mark.parametrize(("status", "code"), [(400, "ExpiredToken"), (403, "InvalidAccessKeyId")])
def test_credentials_that_are_refused_end_planning(
    refuser: None, monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    monkeypatch.setattr(_Refuser, "status", status)
    monkeypatch.setattr(_Refuser, "code", code)
    with pytest.raises(PrerequisiteError, match=f"{code}.*check the AWS credentials"):
        MediaVersions(MediaLimits()).of(["s3://bucket/a.png"])


def test_rejected_rows_are_counted_and_lie_in_the_dead_letters(store: Store) -> None:
    lines = [
        json.dumps({"item_id": str(n % 7), "text": "x"} if n % 3 else {"item_id": f"bad {n}"})
        for n in range(20)
    ]
    store.put("in/rows.jsonl", "\n".join(lines).encode())
    rows = list(read_corpus(f"{store.root}/in/rows.jsonl"))
    plan = freeze_plan(store, "c", rows, 4, dead_letter_prefix="dead-letter/job")
    assert (plan.rows_in, plan.rows) == (20, 7)
    assert sum(shard.rejected for shard in plan.shards) == plan.rejected == 13
    letters = list(read_dead_letters(store, plan.dead_letters))
    assert all(key.startswith("dead-letter/job/read-") for key in plan.dead_letters)
    assert len(letters) == 13
    assert {letter.error_class for letter in letters} == {"empty_row", "duplicate_id"}
    assert {(letter.stage, letter.shard) for letter in letters} == {("read", "")}
    assert freeze_plan(store, "c", rows, 4, dead_letter_prefix="dead-letter/job") == plan


def test_a_corpus_of_rejected_rows_has_a_plan_without_shards(disk_store: Store) -> None:
    disk_store.put("r.jsonl", b"junk\n" * 600)
    plan = freeze_plan(disk_store, "c", read_corpus(f"{disk_store.root}/r.jsonl"), 4)
    assert (plan.shards, plan.rejected, len(plan.dead_letters)) == ((), 600, 3)


def test_shards_must_hold_a_row(disk_store: Store) -> None:
    with pytest.raises(ConfigError, match="rows_per_shard"):
        freeze_plan(disk_store, "c", _items(1), 0)


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
    one, two = (freeze_plan(disk_store, "c", _items(n), 9).shards[0] for n in (1, 2))
    disk_store.put(one.key, disk_store.get(two.key))
    with pytest.raises(ValidationError, match="2 rows, planned were 1"):
        read_shard(disk_store, one)


def test_a_plan_of_another_version_is_not_read(disk_store: Store) -> None:
    disk_store.put("c/abc/plan.json", b'{"version": 0}')
    with pytest.raises(ValidationError, match="not a plan of version 1"):
        read_plan(disk_store, "c", "abc")


def test_markers_tell_what_is_pending(store: Store) -> None:
    plan = freeze_plan(store, "c", _items(10), 4)
    phase = "ecr/0123"
    assert pending(plan, store, phase) == plan.shards
    first = plan.shards[0]
    store.put(table_key(phase, first), b"a table without its marker")
    assert pending(plan, store, phase) == plan.shards
    key = marker_key(phase, first)
    assert mark_done(store, key, {"rows_in": 4})
    assert not mark_done(store, key, {"rows_in": 5})
    assert read_marker(store, key) == {"rows_in": 4}
    assert pending(plan, store, phase) == plan.shards[1:]
    with pytest.raises(ResourceMissingError):
        list(read_markers(plan, store, phase))
    for shard in plan.shards[1:]:
        mark_done(store, marker_key(phase, shard), {"rows_in": shard.rows})
    assert pending(plan, store, f"{phase}/") == ()
    assert sum(stats["rows_in"] for _, stats in read_markers(plan, store, phase)) == 10


def test_dead_letters_are_written_once_and_read_back(store: Store) -> None:
    item = Item(item_id="a", image_uris=("file:///x y.png",), metadata={"k": [1]})
    letter = DeadLetter(
        item_id="a",
        shard="s",
        stage="decode",
        error_class="not_found",
        message="gone",
        row=json.dumps(item.to_row()),
    )
    key = write_dead_letters(store, "dead-letter/job", [letter])
    assert write_dead_letters(store, "dead-letter/job", [letter]) == key
    store.put("r.jsonl", b"junk\n")
    (rejected,) = read_corpus(f"{store.root}/r.jsonl")
    plan = freeze_plan(store, "c", [rejected], 4, dead_letter_prefix="dead-letter/job")
    keys = [key for key, _ in store.list("dead-letter/job")]
    assert sorted(keys) == sorted([key, *plan.dead_letters])
    first, second = read_dead_letters(store, [key, *plan.dead_letters])
    assert first == letter
    assert Item.from_row(json.loads(first.row)) == item
    assert (second.stage, second.error_class) == ("read", "malformed_row")


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
