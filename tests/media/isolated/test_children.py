"""What a file does to its decoder ends its row, and nothing else."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.media.isolated.conftest import asked, refused
from tte2_ray.errors import RowError, RowErrorClass, RuntimeFailure
from tte2_ray.media.isolated.children import Children
from tte2_ray.media.isolated.process import ChildProcess


@pytest.mark.parametrize(
    ("deed", "how"),
    [
        ("segfault", "signal 11 (Segmentation fault)"),
        ("abort", "signal 6 (Aborted)"),
        ("killed", "signal 9 (Killed)"),
        ("exit", "status 3"),
        ("mistake", "status 1"),
    ],
)
def test_a_death_is_a_row_error_and_the_child_is_replaced(
    hostile: Children, deed: str, how: str
) -> None:
    first = asked(hostile, "fine")
    assert asked(hostile, "fine") == first, "children are kept"
    error = refused(hostile, deed)
    assert error.error_class is RowErrorClass.DECODER_DIED
    assert how in error.message
    assert asked(hostile, "fine") != first
    assert not psutil.pid_exists(first)


def test_only_the_row_that_did_it_is_refused(hostile: Children) -> None:
    deeds = ["fine", "segfault", "fine", "killed", "fine", "fine", "exit", "fine"] * 3

    def one(deed: str) -> str:
        try:
            asked(hostile, deed)
        except RowError as error:
            return error.error_class.value
        return "fine"

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(one, deeds))
    assert ends == ["fine" if deed == "fine" else "decoder_died" for deed in deeds]


def test_a_file_is_not_blamed_for_what_others_left(hostile: Children) -> None:
    first = asked(hostile, "fine")
    assert asked(hostile, "crash if used") != first
    leaked = asked(hostile, "leak", mb=320)
    assert asked(hostile, "leak", mb=320) != leaked, "the second finds the memory taken"


def test_time_is_bounded_whatever_a_decoder_does(hostile: Children) -> None:
    asked(hostile, "fine")
    for deed in ("block", "sleep"):
        began = time.monotonic()
        error = refused(hostile, deed, timeout_s=0.5)
        assert time.monotonic() - began < 10
        assert error.error_class is RowErrorClass.DECODER_DIED
        assert "decode_timeout_s" in error.message
    assert not [p for p in psutil.Process().children() if _is_hostile(p)]
    asked(hostile, "fine")


def _is_hostile(process: psutil.Process) -> bool:
    return any("hostile" in word for word in process.cmdline())


def test_memory_is_bounded_by_the_kernel(hostile: Children) -> None:
    pid = asked(hostile, "fine", mb=256)
    assert asked(hostile, "fine", mb=256) == pid
    error = refused(hostile, "bloat", mb=256)
    assert error.error_class is RowErrorClass.TOO_LARGE
    assert "decode_memory_mb" in error.message
    fresh = asked(hostile, "fine", mb=1024)
    peak = next(line for line in _status(fresh) if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 300 * 1024


def _status(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text().splitlines()


def test_there_are_as_many_as_are_asked_at_once(hostile: Children) -> None:
    with ThreadPoolExecutor(3) as pool:
        pids = list(pool.map(lambda _: asked(hostile, "slow"), range(9)))
    assert len(set(pids)) == 3


def test_a_child_outlives_the_thread_that_asked_first(hostile: Children) -> None:
    pids: list[int] = []
    thread = threading.Thread(target=lambda: pids.append(asked(hostile, "fine")))
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert [asked(hostile, "fine")] == pids


def test_a_child_knows_nothing_of_our_environment(
    hostile: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("https_proxy", "http://proxy")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    read = Path(f"/proc/{asked(hostile, 'fine')}/environ").read_bytes().decode()
    environment = dict(pair.split("=", 1) for pair in read.split("\0") if pair)
    assert not [name for name in environment if name.startswith(("AWS", "http", "RAY", "VLLM"))]
    assert environment["OMP_NUM_THREADS"] == "1"


def test_a_child_has_no_file_of_ours(hostile: Children, tmp_path: Path) -> None:
    with open(tmp_path / "secret", "w") as ours:
        os.set_inheritable(ours.fileno(), True)  # as a careless library may leave it
        folder = Path(f"/proc/{asked(hostile, 'fine')}/fd")
        held = {os.readlink(each) for each in folder.iterdir()}
    assert str(tmp_path / "secret") not in held


def test_a_child_that_is_killed_at_its_start_is_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[str] = []

    def start(module: str) -> ChildProcess:
        tries.append(module)
        if len(tries) < 3:
            raise RuntimeFailure("it does not start")
        return ChildProcess(module)

    monkeypatch.setattr("tte2_ray.media.isolated.children.ChildProcess", start)
    children = Children()
    child = children._started()
    assert len(tries) == 3
    child.end()


def test_children_that_do_not_start_are_no_fault_of_a_row() -> None:
    with pytest.raises(RuntimeFailure, match="does not start"):
        asked(Children("tests.no_such_module"), "fine")
