"""Jobs work at once on different things; who deletes garbage is alone, and nobody begins then."""

import io
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, replace
from threading import Lock

import pytest

from tte2_ray.artifacts.lease import LeaseConfig, LeaseHeldError, LeaseLostError
from tte2_ray.artifacts.process import Process
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.working import collecting, working

SHORT = LeaseConfig(expiry_s=2.0)
LONG = LeaseConfig(expiry_s=60.0)


def work(store: Store, name: str) -> int:
    """Begins a job and ends it; the number that it had."""
    with working(store, name, SHORT, io.StringIO()) as lease:
        return lease.number


def collect(store: Store) -> None:
    """Deletes nothing, as one who deletes."""
    with collecting(store, "films", SHORT, io.StringIO()):
        pass


def test_jobs_on_different_things_work_at_once(store: Store) -> None:
    with working(store, "films", SHORT, io.StringIO()):
        assert work(store, "log a") == work(store, "books") == 1
        with pytest.raises(LeaseHeldError, match="index films is worked on by"):
            work(store, "films")


@pytest.mark.parametrize("busy", ["films", "books", "log a", f"log {'ы' * 99}"])
def test_who_deletes_is_refused_while_anybody_works(store: Store, busy: str) -> None:
    refused = pytest.raises(LeaseHeldError, match="what it has written may not be named yet")
    with working(store, busy, SHORT, io.StringIO()), refused:
        collect(store)
    collect(store)


@pytest.mark.parametrize("name", ["books", "log a"])
def test_nobody_begins_while_it_is_deleted(store: Store, name: str) -> None:
    refused = pytest.raises(LeaseHeldError, match="garbage is being deleted")
    with collecting(store, "films", SHORT, io.StringIO()), refused:
        work(store, name)
    assert work(store, name) == 2, "the one that was refused let go"


def test_one_that_died_elsewhere_is_waited_for_and_never_writes_again(store: Store) -> None:
    elsewhere = replace(Process.own(), host="another", machine="another boot")
    told = {"process": asdict(elsewhere), "since": "2026-01-31T12:00:00+00:00", "expiry_s": 0.5}
    store.put("leases/books/0000000001.json", json.dumps(told).encode())
    collect(store)
    assert store.exists("leases/books/0000000002.json"), "its number is not the highest"


def test_one_that_deletes_and_was_taken_for_dead_deletes_no_more(store: Store) -> None:
    with collecting(store, "films", LONG, io.StringIO()) as (own, gate):
        store.put_once("leases/the%20gate%20of%20the%20store/0000000002.json", b"{}")
        gate._confirmed -= 2 * LONG.expiry_s  # it was paused
        own.require()
        with pytest.raises(LeaseLostError):
            gate.require()


def test_never_both_whoever_is_first(store: Store) -> None:
    """Four that work and two that delete, each at random moments: who deletes may be refused."""
    lock, inside, seen = Lock(), list[str](), list[tuple[str, ...]]()
    config = LeaseConfig(expiry_s=4.0, wait_s=120.0)

    def one(who: int) -> None:
        draw, what = random.Random(who), "deletes" if who < 2 else "works"
        for _ in range(2):
            time.sleep(draw.random() / 20)
            begun: AbstractContextManager[object] = (
                collecting(store, "films", config, io.StringIO())
                if what == "deletes"
                else working(store, f"log {who}", config, io.StringIO())
            )
            with suppress(LeaseHeldError) if what == "deletes" else nullcontext(), begun:
                with lock:
                    inside.append(what)
                    seen.append(tuple(inside))
                time.sleep(draw.random() / 20)
                with lock:
                    inside.remove(what)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(one, range(6)))
    assert [each[-1] for each in seen].count("works") == 8
    assert all(each == ("deletes",) for each in seen if "deletes" in each)
