"""Engines without enough memory for what they are given at once, on a real local Ray."""

import time
from pathlib import Path
from threading import Thread

import pytest

from tests.pipelines.conftest import ROWS, Configured, contents, run
from tests.pipelines.killing import POLL_S, done_shards, kill_worker
from tte2_ray.artifacts.store import open_store

SAID_S = 30.0
SHORT = ("reasoner.engine.fake_delay_s=0.05", "embedder.engine.fake_delay_s=0.05",
         "reasoner.engine.max_in_flight=32", "embedder.engine.max_in_flight=32",
         "reasoner.engine.fake_memory_requests=5", "embedder.engine.fake_memory_requests=3",
         "ray.max_restarts=0")  # fmt: skip
"""Memory for few requests, and no restart of a worker."""


def said_by_workers(capfd: pytest.CaptureFixture[str], words: list[str]) -> str:
    """What workers said, as Ray hands it to the driver: some time after they said it."""
    said, deadline = "", time.monotonic() + SAID_S
    while not all(each in said for each in words) and time.monotonic() < deadline:
        out, err = capfd.readouterr()
        said += out + err
        time.sleep(0.1)
    return said


def test_what_runs_out_of_memory_goes_on_with_half(
    configured: Configured, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    short = configured(*SHORT)
    results, _ = run(short)
    assert results["rows"] == {"in": ROWS + 1, "indexed": ROWS - 1, "unchanged": 0, "rejected": 2}
    assert results["live"]
    assert results["tokens_this_run"]["reason_output"] == 8 * (ROWS - 1), "nothing is paid twice"
    words = [f"the reasoner starts again with max_in_flight={less}" for less in (16, 8, 4)]
    words += [f"the embedder starts again with max_in_flight={less}" for less in (16, 8, 4, 2)]
    said = said_by_workers(capfd, words)
    assert all(each in said for each in words), said
    assert said.count("starts again") == len(words), "each halving once"
    assert "this worker ends" not in said

    enough = configured(f"store={tmp_path / 'other'}", f"index={short.config.index}_e")
    other, _ = run(enough)
    assert other["version"] == results["version"], "how much is done at once is part of no key"
    assert contents(enough) == contents(short)


def test_a_worker_that_is_killed_is_followed_by_one_that_is_given_half(
    configured: Configured, capfd: pytest.CaptureFixture[str]
) -> None:
    loaded = configured("reasoner.engine.fake_delay_s=0.4", "reasoner.engine.shards_in_flight=1",
                        "corpus.rows_per_shard=4")  # fmt: skip
    store = open_store(loaded.config.store)

    def kill() -> None:
        while not done_shards(store, "ecr"):
            time.sleep(POLL_S)
        kill_worker("ReasonShards", timeout_s=60)

    killer = Thread(target=kill, daemon=True)
    killer.start()
    results, _ = run(loaded)
    killer.join(timeout=60)
    assert results["rows"]["indexed"] == ROWS - 1
    words = "worker of the reasoner was killed without a word"
    assert words in said_by_workers(capfd, [words])
