"""One job at a time: who holds, who waits, who is dead, and who must not write any more."""

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tte2_ray.artifacts.around import FencedStore
from tte2_ray.artifacts.lease import (
    Lease,
    LeaseConfig,
    LeaseHeldError,
    LeaseLostError,
    _now,
    held,
)
from tte2_ray.artifacts.lease_records import LeaseRecords
from tte2_ray.artifacts.process import Process
from tte2_ray.artifacts.store import Store, open_store

SHORT = LeaseConfig(expiry_s=1.0)
LONG = LeaseConfig(expiry_s=600.0)
FOLDER = "leases/films"

HOLDER = """
import io, sys, time
from tte2_ray.artifacts.around import FencedStore
from tte2_ray.artifacts.lease import LeaseConfig, held
from tte2_ray.artifacts.store import open_store
store = open_store(sys.argv[1])
with held(store, "films", LeaseConfig(expiry_s=float(sys.argv[2])), io.StringIO()) as lease:
    fenced, n = FencedStore(store, lease), 0
    while True:
        fenced.put("written", str(n).encode())
        print(n, flush=True)
        n += 1
        time.sleep(0.01)
"""


@contextmanager
def holder(store: Store, expiry_s: float) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lease and goes on writing."""
    command = [sys.executable, "-c", HOLDER, store.root, str(expiry_s)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "0\n"
            yield process
        finally:
            process.kill()


def taken(store: Store, config: LeaseConfig) -> int:
    """Takes the lease and lets go of it; its number."""
    with held(store, "films", config, io.StringIO()) as lease:
        return lease.number


def left_by(store: Store, process: Process) -> None:
    """What a holder leaves that never said that it ended."""
    told = {"process": asdict(process), "since": "2026-01-31T12:00:00+00:00"}
    store.put(f"{FOLDER}/0000000007.json", json.dumps(told).encode())


def test_numbers_grow_and_who_let_go_is_not_waited_for(store: Store) -> None:
    assert [taken(store, LONG) for _ in range(3)] == [1, 2, 3]


def test_a_second_job_is_refused_while_the_first_one_lives(store: Store) -> None:
    with held(store, "films", SHORT, io.StringIO()):
        refused = pytest.raises(LeaseHeldError, match=r"index films is worked on by .* process \d+")
        with refused, held(store, "films", SHORT, io.StringIO()):
            pytest.fail("two hold it")
        assert taken_other_index(store)


def taken_other_index(store: Store) -> bool:
    with held(store, "shows", LONG, io.StringIO()) as other:
        return other.number == 1


def test_a_second_job_queues_behind_the_first(store: Store) -> None:
    config = LeaseConfig(expiry_s=2.0, wait_s=30.0)
    with ThreadPoolExecutor(1) as pool:
        with held(store, "films", config, io.StringIO()):
            second = pool.submit(taken, store, config)
            time.sleep(2.5)  # longer than a silent one would be waited for
            assert not second.done()
        assert second.result(timeout=20) == 2


def test_of_many_who_come_at_once_one_holds(store: Store) -> None:
    inside: list[int] = []

    def work(_: int) -> int:
        with held(
            store, "films", replace(SHORT, expiry_s=4.0, wait_s=60.0), io.StringIO()
        ) as lease:
            inside.append(1)
            assert len(inside) == 1, "two are inside"
            time.sleep(0.02)
            inside.pop()
            return lease.number

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(work, range(6))) == [1, 2, 3, 4, 5, 6]


def test_a_killed_process_of_this_machine_is_not_waited_for(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    with holder(store, LONG.expiry_s) as process:
        process.kill()  # and not waited for: a zombie is dead, too
        time.sleep(0.2)
        began = time.monotonic()
        assert taken(store, LONG) == 2
        assert time.monotonic() - began < 30


def test_a_silent_process_elsewhere_is_waited_for_until_it_expires(store: Store) -> None:
    left_by(store, replace(Process.own(), machine="another", pid=1))
    began = time.monotonic()
    assert taken(store, SHORT) == 8
    assert time.monotonic() - began >= SHORT.expiry_s


def test_a_pid_that_is_used_again_is_another_process(store: Store) -> None:
    left_by(store, replace(Process.own(), started="1"))
    began = time.monotonic()
    assert taken(store, LONG) == 8
    assert time.monotonic() - began < 30


def test_a_paused_process_that_wakes_up_cannot_write(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    with holder(store, SHORT.expiry_s) as process:
        process.send_signal(signal.SIGSTOP)
        with held(store, "films", SHORT, io.StringIO()) as lease:
            assert lease.number == 2
            FencedStore(store, lease).put("written", b"by the second")
            process.send_signal(signal.SIGCONT)
            _, said = process.communicate(timeout=30)
            assert process.returncode == 1
            assert "LeaseLostError" in said
            assert "another took over; it writes nothing more" in said
            lease.require()
        assert store.get("written") == b"by the second"


def test_a_paused_process_goes_on_where_nobody_took_over(store: Store) -> None:
    lease = Lease(LeaseRecords(store, "films"), 3, _now(), 0.2)
    time.sleep(0.3)
    lease.require()
    assert lease.number == 4, "under a number of its own, which others would have to beat"


def test_a_holder_notices_that_another_took_over_though_it_lived(store: Store) -> None:
    """As one does that cannot see it, or waits for less than it was told."""
    records = LeaseRecords(store, "films")
    lease = Lease(records, 3, _now(), LONG.expiry_s)
    lease.beat()
    lease.require()
    assert records.take(4, LONG.expiry_s)
    lease.beat()
    with pytest.raises(LeaseLostError):
        lease.require()


def test_of_two_expiries_the_longer_counts(store: Store) -> None:
    with holder(store, 4.0) as process:
        process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        with held(store, "films", SHORT, out := io.StringIO()):
            assert time.monotonic() - began > 3.5
        process.send_signal(signal.SIGCONT)
    assert "silent for 4 s" in out.getvalue()


def test_a_process_that_the_system_hides_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Process.own()
    monkeypatch.setattr("tte2_ray.artifacts.process._stat", lambda _: ("", ""))
    assert not own.is_gone()
    assert replace(own, pid=2**22 + 1).is_gone(), "no process has that number"


def test_every_write_is_fenced_and_no_reading(store: Store) -> None:
    store.put("there", b"1")
    lost = Lease(LeaseRecords(store, "films"), 3, _now(), 0.1)
    left = replace(Process.own(), pid=1)
    told = {"process": asdict(left), "since": ""}
    store.put(f"{FOLDER}/0000000004.json", json.dumps(told).encode())
    time.sleep(0.2)
    fenced = FencedStore(store, lost)
    for write in (
        lambda: fenced.put("there", b"2"),
        lambda: fenced.put_once("new", b"2"),
        lambda: fenced.put_file("new", Path(__file__)),
        lambda: fenced.delete("there"),
    ):
        with pytest.raises(LeaseLostError):
            write()
    assert fenced.get("there") == b"1"
    assert fenced.exists("there")
    assert not fenced.exists("new")
    assert dict(fenced.list()) == dict(store.list())
