"""A phase in which nothing comes through is ended, and says what it waited for."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from tests.pipelines.conftest import ROWS, Configured, run
from tests.pipelines.killing import overrides_of, start_job
from tte2_ray.config import Loaded
from tte2_ray.errors import ConfigError, RuntimeFailure
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.watchdog import watched
from tte2_ray.stages.doing import Doing


def coming(*waits_s: float) -> Iterator[int]:
    for number, wait_s in enumerate(waits_s):
        time.sleep(wait_s)
        yield number


def stands_still() -> int:
    """Nothing is committed."""
    return 7


def test_what_comes_in_time_is_passed_on() -> None:
    assert list(watched("load", coming(0.7, 0.7, 0.7), 2.0, str, 7, stands_still)) == [0, 1, 2]
    assert list(watched("load", coming(0.3), 0, str, 7, stands_still)) == [0]


def test_what_does_not_come_ends_it_with_what_it_waited_for() -> None:
    passed = watched(
        "load", coming(0.0, 30.0), 0.3, lambda phase: f"{phase} waits for Godot", 7, stands_still
    )
    assert next(passed) == 0
    began = time.monotonic()
    with pytest.raises(RuntimeFailure, match=r"nothing came through for 0s .*load waits for Godot"):
        next(passed)
    assert time.monotonic() - began < 15


def test_a_call_of_many_shards_is_waited_for_as_long_as_they_are_committed() -> None:
    left = iter(range(9, 0, -1))
    assert list(watched("load", coming(1.0), 0.2, str, 10, lambda: next(left))) == [0]
    stuck = iter([9, 9])
    with pytest.raises(RuntimeFailure, match="nothing came through"):
        list(watched("load", coming(30.0), 0.2, str, 10, lambda: next(stuck)))


def test_an_error_comes_as_it_was_raised() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ConfigError("wrong")

    with pytest.raises(ConfigError, match="wrong"):
        list(watched("load", failing(), 5, str, 7, stands_still))


def test_who_stops_listening_leaves_no_reader_that_is_busy() -> None:
    next(watched("load", coming(*[0.0] * 1000), 5, str, 7, stands_still))
    readers = [t for t in threading.enumerate() if t.name == "watch-load"]
    assert all(t.daemon for t in readers)


def test_steps_are_told_by_kind_with_the_longest_first() -> None:
    doing = Doing("reason")
    with doing.at("fetched and decoded", "a") as go_to, doing.at("fetched and decoded", "b"):
        time.sleep(0.01)
        assert [(s.name, s.count, s.longest) for s in doing.steps()] == [
            ("fetched and decoded", 2, "a")
        ]
        go_to("in the engine")
        assert [(s.name, s.longest) for s in doing.steps()] == [
            ("fetched and decoded", "b"),
            ("in the engine", "a"),
        ]
    assert doing.steps() == []


def ended(loaded: Loaded[IndexConfig], log: Path, *overrides: str) -> str:
    """Runs the job in a process of its own, which is to end for good; what it said."""
    given = ["--config", "tests/pipelines/nothing.yaml", *overrides_of(loaded.config), *overrides]
    given.append(f"ray.address={ray.get_runtime_context().gcs_address}")
    with log.open("w") as out:
        assert start_job(given, out).wait(timeout=90) == RuntimeFailure.exit_code
    return log.read_text()


def test_a_job_whose_engine_hangs_is_ended_and_goes_on_later(
    configured: Configured, tmp_path: Path
) -> None:
    hanging = ("embedder.engine.fake_delay_s=600", "ray.stall_s=15")
    said = ended(configured(), tmp_path / "log", *hanging)
    assert "error: embed: nothing came through for 15s (ray.stall_s): worker " in said
    assert re.search(r"\d+ × in the engine \((text|picture)-\d+ for \d+s\)", said)
    results, _ = run(configured())
    assert results["live"]
    assert results["phases"][0]["reused"] == ROWS


def test_a_job_that_waits_for_resources_says_so(configured: Configured, tmp_path: Path) -> None:
    # A node could hold it, but another actor has taken what there is.
    @ray.remote(num_cpus=7.5)
    class Greedy:
        def here(self) -> int:
            return 1

    greedy = Greedy.remote()
    ray.get(greedy.here.remote())
    said = ended(configured(), tmp_path / "log", "ray.stall_s=6")
    assert "reason: nothing came through for 6s (ray.stall_s): no worker has started" in said
    assert "free in the cluster: 0.5 of 8 CPU" in said
    ray.kill(greedy)
