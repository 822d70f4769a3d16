import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.milvus.conftest import DIMENSION, rows
from tte2_ray.errors import PrerequisiteError
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.collection import CollectionSpec, ensure_collection
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.server import ensure_server, find_server, resolve, stop_server
from tte2_ray.milvus.writer import Writer

_START = "import sys; from tte2_ray.milvus.server import *; print(ensure_server(sys.argv[1]).pid)"


def _start_in_process(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _START, str(folder)], stdout=subprocess.PIPE, text=True
    )


def test_two_starters_get_one_server_that_outlives_them(tmp_path: Path) -> None:
    starters = [_start_in_process(tmp_path) for _ in range(2)]
    pids = {int(starter.communicate(timeout=60)[0]) for starter in starters}
    try:
        assert len(pids) == 1
        found = find_server(tmp_path)
        assert found is not None
        assert found.pid in pids
        assert ensure_server(tmp_path) == found
    finally:
        assert stop_server(tmp_path)
    assert find_server(tmp_path) is None
    assert not stop_server(tmp_path)


def test_what_was_acknowledged_survives_a_killed_server(tmp_path: Path) -> None:
    config = resolve(MilvusConfig(data_dir=str(tmp_path)))
    spec = CollectionSpec(index="survivor", version="v1", fingerprint="f", dimension=DIMENSION)
    try:
        name = ensure_collection(connect(config), config, spec)
        Writer(config, name, dimension=DIMENSION).write(rows(50))
        killed = ensure_server(tmp_path)
        os.kill(killed.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while find_server(tmp_path) is not None and time.monotonic() < deadline:
            time.sleep(0.05)

        again = resolve(MilvusConfig(data_dir=str(tmp_path)))  # a stale state file lies there
        assert again.uri != config.uri
        ensure_collection(connect(again), again, spec)
        assert Searcher(again).count(name) == 50
    finally:
        stop_server(tmp_path)


def test_the_folder_may_lie_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    state = tmp_path / "m" / "tte2-server.json"
    state.parent.mkdir()
    state.write_text("damaged: each of them tells that it found this file")
    for use in (find_server, stop_server, ensure_server):
        with pytest.raises(PrerequisiteError, match=re.escape(f"{state} is damaged")):
            use("~/m")
    assert not Path("~").exists()


def test_a_folder_open_elsewhere_is_refused(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX);"
            "print('held', flush=True); sys.stdin.read()",
            str(tmp_path / "LOCK"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "held"
    with pytest.raises(PrerequisiteError, match=r"Another process has the Milvus folder .* open"):
        ensure_server(tmp_path, timeout_s=1.0)
    holder.communicate("")


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "collections").write_text("a file where milvus-lite keeps a folder")
    with pytest.raises(PrerequisiteError, match=r"did not start: \w+.*log:"):
        ensure_server(tmp_path, timeout_s=20.0)


def test_a_damaged_state_file_is_an_error_not_a_second_server(tmp_path: Path) -> None:
    (tmp_path / "tte2-server.json").write_text(json.dumps({"pid": "none"}))
    with pytest.raises(PrerequisiteError, match="damaged"):
        ensure_server(tmp_path)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tte2_ray.milvus.server.find_spec", lambda name: None)
    with pytest.raises(PrerequisiteError, match="milvus-lite is not installed"):
        ensure_server(tmp_path)


def test_starting_is_safe_from_threads_of_one_process(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        servers = set(pool.map(lambda _: ensure_server(tmp_path), range(3)))
    assert len(servers) == 1
    assert stop_server(tmp_path)
