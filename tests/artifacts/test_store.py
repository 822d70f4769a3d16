"""The store: the same promises on disk and on S3."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tte2_ray.artifacts import s3
from tte2_ray.artifacts.store import Store, key_part, open_store
from tte2_ray.errors import ConfigError, ResourceMissingError, TteError


def test_what_was_put_is_read_replaced_and_deleted(store: Store) -> None:
    store.put("a/b.bin", b"one")
    store.put("a/b.bin", b"two\x00\xff")
    assert store.get("a/b.bin") == b"two\x00\xff"
    assert store.exists("a/b.bin")
    store.delete("a/b.bin")
    store.delete("a/b.bin")
    assert not store.exists("a/b.bin")
    with pytest.raises(ResourceMissingError, match=r"a/b\.bin"):
        store.get("a/b.bin")
    with pytest.raises(ResourceMissingError, match=r"a/b\.bin"):
        store.open("a/b.bin")


def test_a_file_is_put_whole_and_replaces_what_was_there(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "run.trec"
    file.write_bytes(b"one")
    store.put_file("runs/a/run.trec", file)
    file.write_bytes(b"x" * 3_000_000)
    store.put_file("runs/a/run.trec", file)
    assert store.get("runs/a/run.trec") == file.read_bytes()
    assert [key for key, _ in store.list()] == ["runs/a/run.trec"]
    with pytest.raises(FileNotFoundError):
        store.put_file("runs/a/none", tmp_path / "none")


def test_put_once_keeps_the_first(store: Store) -> None:
    assert store.put_once("marker", b"first")
    assert not store.put_once("marker", b"second")
    assert store.get("marker") == b"first"


def test_of_many_writers_one_wins_and_its_bytes_are_there(tmp_path: Path) -> None:
    """On disk only: moto checks and writes in two steps, so its races prove nothing."""
    store = open_store(str(tmp_path))
    bodies = [bytes([n]) * 200_000 for n in range(16)]
    for round_ in range(10):
        key = f"k/{round_}"
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(lambda body, key=key: store.put_once(key, body), bodies))
        assert won.count(True) == 1
        assert store.get(key) == bodies[won.index(True)]
    assert [key for key, _ in store.list()] == sorted(f"k/{n}" for n in range(10))


def test_a_writer_killed_midway_leaves_nothing_visible(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from tte2_ray.artifacts.store import open_store\n"
        "os.fsync = lambda fd: os._exit(9)\n"  # dies with the bytes written and not yet in place
        "getattr(open_store(sys.argv[1]), sys.argv[2])('k', b'x' * 100_000)\n"
    )
    for method in ("put", "put_once"):
        died = subprocess.run([sys.executable, "-c", script, str(tmp_path), method], check=False)
        assert died.returncode == 9
    store = open_store(str(tmp_path))
    assert list(tmp_path.iterdir())
    assert list(store.list()) == []
    assert not store.exists("k")


def test_list_is_sorted_by_key_and_by_folder(store: Store) -> None:
    for key in ("x/b/1", "x/a.txt", "x/a/2", "x/a/10", "xy/1", "x/é", "x/Z"):
        store.put(key, key.encode())
    keys = ["x/Z", "x/a.txt", "x/a/10", "x/a/2", "x/b/1", "x/é"]
    assert [key for key, _ in store.list("x")] == keys
    assert list(store.list("x/", shallow=True)) == [("x/Z", 3), ("x/a.txt", 7), ("x/é", 4)]
    assert len(list(store.list())) == 7
    assert list(store.list("nothing/here")) == []


def test_list_reads_more_than_one_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_KEYS_PER_PAGE", 10)
    for n in range(25):
        store.put(f"p/{n:02}", b"")
    assert [key for key, _ in store.list("p")] == [f"p/{n:02}" for n in range(25)]


def test_open_seeks_and_reads_pieces(store: Store) -> None:
    body = os.urandom(3_000_000)
    store.put("big", body)
    with store.open("big") as file:
        assert file.read(10) == body[:10]
        file.seek(-5, os.SEEK_END)
        assert file.read() == body[-5:]
        file.seek(2_000_000)
        assert file.read(500_000) == body[2_000_000:2_500_000]
        assert file.tell() == 2_500_000
    store.put("none", b"")
    with store.open("none") as file:
        assert file.read() == b""


def test_stat_changes_with_the_object(store: Store) -> None:
    assert store.stat("k") is None
    store.put("k", b"12")
    first = store.stat("k")
    assert first is not None
    assert first.size == 2
    store.put("k", b"34")
    second = store.stat("k")
    assert second is not None
    assert second.version != first.version


def test_a_pickled_store_works(store: Store) -> None:
    store.put("k", b"v")
    again = pickle.loads(pickle.dumps(store))
    assert again.get("k") == b"v"
    assert again.root == store.root


def test_uri_names_the_object(store: Store) -> None:
    assert store.uri("a/b") == f"{'' if store.root.startswith('s3') else 'file://'}{store.root}/a/b"


@pytest.mark.parametrize("key", ["", "/etc/passwd", "a/../b", "..", "a//b", "a/", "a\0b", "./a"])
def test_a_key_cannot_leave_the_root(store: Store, key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        store.put(key, b"")


@pytest.mark.parametrize("name", ["../../x", "a/b", "", ".", ".hidden", "é\n\0", "x" * 5000, "%2F"])
def test_any_id_can_be_a_part_of_a_key(store: Store, name: str) -> None:
    store.put(f"ids/{key_part(name)}.json", b"1")
    assert [key for key, _ in store.list("ids")] == [f"ids/{key_part(name)}.json"]


@given(st.text(), st.text())
def test_key_parts_of_different_names_differ(a: str, b: str) -> None:
    assert (key_part(a) == key_part(b)) == (a == b)


def test_shortened_key_parts_cannot_be_forged() -> None:
    assert key_part(key_part("x" * 500)) != key_part("x" * 500)
    assert key_part("x" * 500) != key_part("x" * 501)


@pytest.mark.parametrize("root", ["", "gs://bucket/x", "s3://", "s3:///x"])
def test_an_unknown_root_is_a_config_error(root: str) -> None:
    with pytest.raises(ConfigError):
        open_store(root)


def test_roots_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_store("a/b").root == str(tmp_path / "a/b")
    assert open_store(f"file://{tmp_path}/a%20b").root == f"{tmp_path}/a b"


def test_a_key_that_is_a_folder_is_a_typed_error(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.put("a/b", b"")
    with pytest.raises(TteError):
        store.get("a")
