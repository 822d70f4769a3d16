"""Which version is live after jobs that were killed, changed, taken back or short of rows.

Store, tables and Milvus are real; Ray is left out (`ray_cluster`), for none of this is about it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.pipelines.conftest import ROWS, Configured, run
from tests.pipelines.killing import ROOT, overrides_of
from tests.pipelines.without_ray import in_process, killed, leave_ray_out
from tte2_ray.artifacts.manifest import manifest_key
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import open_store
from tte2_ray.config import Loaded
from tte2_ray.errors import PartialFailure, ValidationError
from tte2_ray.milvus.catalog import ManifestCatalog
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.publish import Publisher
from tte2_ray.milvus.server import resolve
from tte2_ray.pipelines import flow
from tte2_ray.pipelines.index import job
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.plan import plan_job
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.load import LoadShards

OTHER = "embedder.engine.fake_dimension=32"
THIRD = "embedder.engine.fake_dimension=16"


def publisher_of(loaded: Loaded[IndexConfig]) -> Publisher:
    config, milvus = loaded.config, resolve(loaded.config.milvus)
    catalog = ManifestCatalog(open_store(config.store), config.index)
    return Publisher(connect(milvus), milvus, config.index, catalog)


def drop(loaded: Loaded[IndexConfig], collection: str) -> None:
    client = connect(resolve(loaded.config.milvus))
    client.drop_alias(loaded.config.index)
    client.drop_collection(collection)


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray: in the place of the fixture that starts it."""
    leave_ray_out(monkeypatch)


def killed_in_load(
    stage: Any, work: object, shards: Sequence[Shard], _: object
) -> Iterator[Counts]:
    """A double of `run_phase`: the driver dies when two shards are loaded."""
    last = stage is LoadShards
    yield from in_process(stage, work, shards[:2] if last else shards, _)
    if last:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("owner", "step", "fault"),
    [
        (flow, "run_phase", killed_in_load),
        pytest.param(job, "publish", killed, marks=pytest.mark.at_length),
    ],
)
def test_a_reload_that_was_killed_is_finished_and_verified_before_it_is_served(
    configured: Configured, monkeypatch: pytest.MonkeyPatch, owner: Any, step: str, fault: Any
) -> None:
    loaded = configured()
    first, _ = run(loaded)
    drop(loaded, first["collection"])
    with monkeypatch.context() as broken:
        broken.setattr(owner, step, fault)
        with pytest.raises(KeyboardInterrupt):
            run(loaded)
    again, said = run(loaded)
    assert f"verify {ROWS - 1} rows counted" in said
    assert again["version"] == first["version"]
    assert again["live"]


@pytest.mark.at_length
def test_a_reload_that_does_not_hold_is_not_served_by_the_next_run(configured: Configured) -> None:
    loaded = configured()
    first, _ = run(loaded)
    drop(loaded, first["collection"])
    strict = configured("verify.max_tied_share=0", "verify.tie_tolerance=2")  # all rows tie
    for _ in range(2):
        with pytest.raises(ValidationError, match="vector of another"):
            run(strict)
        assert publisher_of(loaded).live_version() == ""


def test_a_shard_that_lost_its_marker_is_loaded_and_verified_again(configured: Configured) -> None:
    loaded = configured()
    first, _ = run(loaded)
    store = open_store(loaded.config.store)
    folder = f"indexes/{loaded.config.index}/{first['version']}"
    key, _ = next(iter(store.list(f"{folder}/load")))
    store.delete(key)
    before = store.stat(manifest_key(loaded.config.index, first["version"]))
    again, said = run(loaded)
    assert "verify" in said
    assert again["live"]
    assert store.stat(manifest_key(loaded.config.index, first["version"])) != before


@pytest.mark.at_length
def test_loaded_but_not_recorded_is_verified_by_a_process_without_ray(
    configured: Configured,
) -> None:
    loaded = configured()
    first, _ = run(loaded)
    store, folder = open_store(loaded.config.store), f"indexes/{first['index']}/{first['version']}"
    for name in ("manifest.json", "promoted.json"):
        store.delete(f"{folder}/{name}")
    no_ray = "ray.address=127.0.0.1:1"  # it must not be asked for
    script = [sys.executable, "jobs/index_corpus.py", "--config", "tests/pipelines/nothing.yaml"]
    ended = subprocess.run(
        [*script, *overrides_of(loaded.config), no_ray],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert f"verify {ROWS - 1} rows counted" in ended.stdout
    assert "is live" in ended.stdout


def test_workers_are_told_where_the_store_is_not_where_they_are(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = configured("store=here").config
    store = open_store(config.store)
    planned = plan_job(config, store, store, again=False)
    roots = {phase.work.root for phase in job.phases_of(planned)}  # type: ignore[attr-defined]
    assert roots == {str(tmp_path / "here")}


@pytest.mark.at_length
def test_what_was_live_before_is_live_again_when_its_job_is_run_again(
    configured: Configured,
) -> None:
    first, _ = run(configured())
    second, _ = run(configured(OTHER))
    assert second["live"]
    back, _ = run(configured())
    assert back["phases"] == []
    assert back["version"] == first["version"]
    assert back["live"]
    assert run(configured(OTHER))[0]["live"]


@pytest.mark.at_length
def test_a_rollback_by_hand_outlives_the_jobs_of_both_versions(configured: Configured) -> None:
    first, _ = run(configured())
    later = configured(OTHER)
    run(later)
    publisher = publisher_of(later)
    assert publisher.rollback() == first["version"]
    assert run(configured())[0]["live"]
    assert not run(later)[0]["live"]
    assert publisher.live_version() == first["version"]


@pytest.mark.at_length
def test_a_version_accepted_later_is_rolled_back_to_what_it_replaced_then(
    configured: Configured,
) -> None:
    run(configured())
    with pytest.raises(PartialFailure):
        run(configured(OTHER, "failure_budget=0.01"))
    third, _ = run(configured(THIRD))
    accepted, _ = run(configured(OTHER))
    assert accepted["live"]
    assert publisher_of(configured()).rollback() == third["version"]


@pytest.fixture
def half_missing(tmp_path: Path) -> Path:
    """29 pictures that are not there, and 71 notes."""
    rows = [{"item_id": f"p{n}", "image_uri": f"{n}.png"} for n in range(29)]
    notes = [{"item_id": f"t{n}", "text": f"a note about {n}"} for n in range(71)]
    manifest = tmp_path / "missing" / "rows.jsonl"
    manifest.parent.mkdir()
    manifest.write_text("".join(json.dumps(row) + "\n" for row in [*rows, *notes]))
    return manifest


@pytest.mark.at_length
def test_a_share_that_is_the_budget_is_within_it(
    configured: Configured, half_missing: Path
) -> None:
    exact, _ = run(configured(f"corpus.path={half_missing}", "failure_budget=0.29"))
    assert exact["rows"]["rejected"] == 29
    assert exact["live"], "0.29 of 100 rows is 28.999… in floats"


@pytest.mark.at_length
def test_a_version_without_a_row_is_refused_until_its_rows_are_mended(
    configured: Configured, half_missing: Path
) -> None:
    rows = half_missing.read_text().splitlines(keepends=True)[:3]
    half_missing.write_text("".join(rows))
    loaded = configured(f"corpus.path={half_missing}", "failure_budget=1",
                        "corpus.check_files=false")  # fmt: skip
    for _ in range(2):
        with pytest.raises(PartialFailure, match="all 3 rows were rejected: 3 not_found"):
            run(loaded)
    publisher = publisher_of(loaded)
    (status,) = publisher.statuses()
    with pytest.raises(ValidationError, match="holds no row"):
        publisher.promote(status.version)
    assert publisher.live_version() == ""
    for n in range(3):
        Image.new("RGB", (64, 64), (n * 50, 9, 9)).save(half_missing.parent / f"{n}.png")
    mended, _ = run(loaded, redrive=True)
    assert mended["live"]
