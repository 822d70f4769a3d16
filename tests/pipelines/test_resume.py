"""Killed at any moment, the same command again ends in the same index."""

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import botocore.session
import pytest
import ray
from moto.server import ThreadedMotoServer

from tests.pipelines.conftest import ROWS, Configured, contents, run
from tests.pipelines.killing import (
    POLL_S,
    done_shards,
    kill_when,
    kill_worker,
    overrides_of,
    start_job,
    taken_up,
)
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.config import Loaded
from tte2_ray.errors import RuntimeFailure
from tte2_ray.pipelines.index.config import IndexConfig

SHARD = 4
SLOW = ("reasoner.engine.fake_delay_s=0.4", "embedder.engine.fake_delay_s=0.4",
        "reasoner.engine.shards_in_flight=1", "embedder.engine.shards_in_flight=1",
        f"corpus.rows_per_shard={SHARD}")  # fmt: skip
"""Slow enough to be met between two shards."""


def killed(loaded: Loaded[IndexConfig], store: Store, folder: str, log: Path) -> int:
    """Runs the job until two more shards of a phase are done, kills it; rows done by then."""
    before = len(done_shards(store, folder))
    address = ray.get_runtime_context().gcs_address
    empty = ["--config", "tests/pipelines/nothing.yaml"]
    with log.open("w") as out:
        job = start_job([*empty, *overrides_of(loaded.config), *SLOW, f"ray.address={address}"],
                        out)  # fmt: skip
        kill_when(job, lambda: len(done_shards(store, folder)) >= before + 2, timeout_s=120)
    return SHARD * len(done_shards(store, folder))


def assert_goes_on(log: Path, phase: str, done: int) -> None:
    """What was done is not done again; the shard in flight may have been finished, too."""
    rows, reused = taken_up(log.read_text(), phase)
    assert rows + reused == ROWS
    assert done <= reused <= done + SHARD


def test_a_killed_driver_is_resumed_with_at_most_the_shards_in_flight_redone(
    configured: Configured, tmp_path: Path
) -> None:
    loaded = configured(*SLOW)
    store, log = open_store(loaded.config.store), tmp_path / "log"
    done = 0
    for _ in range(2):
        in_reason = killed(loaded, store, "ecr", log)
        assert_goes_on(log, "reason", done)
        done = in_reason
    in_embed = killed(loaded, store, "vectors", log)
    assert_goes_on(log, "reason", done)
    assert_goes_on(log, "embed", 0)
    results, said = run(loaded)

    phases = {phase["name"]: phase for phase in results["phases"]}
    assert (phases["reason"]["rows"], phases["reason"]["reused"]) == (0, ROWS)
    assert (phases["embed"]["rows"], phases["embed"]["reused"]) == (ROWS - in_embed, in_embed)
    assert results["live"], said

    straight = configured(*SLOW, f"store={tmp_path / 'other'}", f"index={loaded.config.index}_s")
    uninterrupted, _ = run(straight)
    assert uninterrupted["version"] == results["version"]
    assert uninterrupted["rows"] == results["rows"]
    assert contents(straight) == contents(loaded)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a moto server, in the standard AWS environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"b{uuid.uuid4().hex}"
    botocore.session.Session().create_client("s3").create_bucket(Bucket=name)
    yield f"s3://{name}"
    server.stop()


def test_a_killed_job_is_resumed_from_s3(
    configured: Configured, bucket: str, tmp_path: Path
) -> None:
    loaded = configured(*SLOW, f"store={bucket}/artifacts")
    store = open_store(loaded.config.store)
    done = killed(loaded, store, "ecr", tmp_path / "log")
    results, said = run(loaded)
    assert results["rows"] == {"in": ROWS + 1, "indexed": ROWS - 1, "unchanged": 0, "rejected": 2}
    assert results["phases"][0]["reused"] == done
    assert results["phases"][0]["rows"] == ROWS - done
    assert results["live"], said


def test_a_killed_engine_is_replaced_and_every_row_is_accounted_for(
    configured: Configured,
) -> None:
    loaded = configured(*SLOW)
    store = open_store(loaded.config.store)
    pids: list[int] = []

    def kill_both() -> None:
        for stage, folder in (("ReasonShards", "ecr"), ("EmbedShards", "vectors")):
            while not done_shards(store, folder):
                time.sleep(POLL_S)
            pids.append(kill_worker(stage, timeout_s=60))

    killer = Thread(target=kill_both, daemon=True)
    killer.start()
    results, said = run(loaded)
    killer.join(timeout=60)
    assert len(pids) == 2
    assert results["rows"] == {"in": ROWS + 1, "indexed": ROWS - 1, "unchanged": 0, "rejected": 2}
    assert results["live"], said


def test_an_engine_that_dies_is_started_anew_and_goes_on(configured: Configured) -> None:
    loaded = configured(*SLOW, f"reasoner.engine.fake_dies_after={6 * SHARD}")
    results, _ = run(loaded)
    assert results["rows"]["indexed"] == ROWS - 1


def test_an_engine_that_always_dies_ends_the_job_and_what_was_done_stays(
    configured: Configured,
) -> None:
    dying = configured(*SLOW, f"reasoner.engine.fake_dies_after={SHARD + 1}", "ray.max_restarts=1")
    with pytest.raises(RuntimeFailure, match="workers of ReasonShards died more than 1 times"):
        run(dying)
    told = json.loads((Path(dying.config.report_dir) / "results.json").read_text())
    assert (told["outcome"], told["exit_code"]) == ("failed", 6)
    assert "workers of ReasonShards died" in told["message"]
    assert "rows" not in told
    store = open_store(dying.config.store)
    done = done_shards(store, "ecr")
    assert done
    results, _ = run(configured(*SLOW))
    assert results["phases"][0]["reused"] == len(done) * SHARD
    written = json.loads((Path(dying.config.report_dir) / "results.json").read_text())
    assert written["rows"]["indexed"] == ROWS - 1
