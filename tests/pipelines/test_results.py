"""What is left of a run to read, here and in the store; Ray is left out (`ray_cluster`)."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.conftest import ROWS, Configured, run
from tests.pipelines.without_ray import killed, leave_ray_out, run_the_sample_here
from tte2_ray.artifacts.store import open_store
from tte2_ray.config import Loaded
from tte2_ray.milvus.publish import Publisher
from tte2_ray.pipelines.index import job, publish
from tte2_ray.pipelines.index.config import IndexConfig

OTHER = "embedder.engine.fake_dimension=32"


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray: in the place of the fixture that starts it."""
    leave_ray_out(monkeypatch)


def page_of(loaded: Loaded[IndexConfig]) -> str:
    return (Path(loaded.config.report_dir) / "report.html").read_text()


def kept(loaded: Loaded[IndexConfig], version: str) -> tuple[dict[str, Any], str]:
    """What the store holds of a version: its results and its page."""
    store, folder = open_store(loaded.config.store), f"indexes/{loaded.config.index}/{version}"
    page = store.get(f"{folder}/report.html").decode()
    return json.loads(store.get(f"{folder}/results.json")), page


def shown_as(version: str, *, live: bool) -> str:
    return f"version <code>{version}</code> · {'live' if live else 'not live'} ·"


def test_the_page_shows_what_results_json_tells_of_also_where_nothing_was_to_do(
    configured: Configured,
) -> None:
    first, _ = run(configured())
    other = configured(f"index={configured().config.index}_b", OTHER)
    second, _ = run(other)
    assert shown_as(second["version"], live=True) in page_of(other)
    back, _ = run(configured())
    assert back["phases"] == []
    page = page_of(configured())
    assert shown_as(first["version"], live=True) in page
    assert second["version"] not in page
    assert "nothing was to do" in page


def test_the_store_keeps_what_the_run_did_that_made_a_version(configured: Configured) -> None:
    first, _ = run(configured())
    run(configured(OTHER))
    assert kept(configured(), first["version"])[0] == first
    run(configured())
    assert kept(configured(), first["version"])[0] == first
    assert kept(configured(), first["version"])[1].count("nothing was to do") == 0


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (job, "publish"),
        (publish, "verify"),
        (Publisher, "promote"),
        (job, "report_results"),
    ],
)
def test_a_run_that_dies_before_its_report_is_told_of_by_the_next(
    configured: Configured, monkeypatch: pytest.MonkeyPatch, owner: object, step: str
) -> None:
    loaded = configured()
    with monkeypatch.context() as broken:
        broken.setattr(owner, step, killed)
        with pytest.raises(KeyboardInterrupt):
            run(loaded)
    again, _ = run(loaded)
    assert again["live"]
    assert again["tokens_this_run"] == {"reason_prompt": 0, "reason_output": 0, "embed_prompt": 0}
    assert again["rows"] == {"in": ROWS + 1, "indexed": 0, "unchanged": ROWS - 1, "rejected": 2}

    told, page = kept(loaded, again["version"])
    assert told["live"]
    assert told["outcome"] == "done"
    assert told["rows"] == {"in": ROWS + 1, "indexed": ROWS - 1, "unchanged": 0, "rejected": 2}
    assert told["tokens_this_run"]["reason_output"] == 8 * (ROWS - 1)
    assert told["tokens_this_run"]["reason_output"] == again["tokens_of_index"]["output_tokens"]
    assert [phase["rows"] for phase in told["phases"]] == [ROWS] * 3
    assert shown_as(again["version"], live=True) in page
    assert "nothing was to do" not in page


def test_a_phase_costs_what_its_replicas_cost_that_had_a_shard(configured: Configured) -> None:
    shards = ROWS // 8
    results, _ = run(configured(
        f"reasoner.engine.replicas={10 * shards}", "estimate.usd_per_cpu_hour=3600",
    ))  # fmt: skip
    reason = next(phase for phase in results["phases"] if phase["name"] == "reason")
    assert reason["usd"] == pytest.approx(reason["seconds"] * shards, rel=0.01)


def test_what_a_sample_cost_before_the_run_is_told_too(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_the_sample_here(monkeypatch)
    first, _ = run(configured("estimate.sample_rows=8"))
    assert first["tokens_of_sample"]["reason_output"] == 8 * 8
    assert first["tokens_of_sample"]["embed_prompt"] > 0
    assert first["tokens_this_run"]["reason_output"] == 8 * (ROWS - 1)
    second, said = run(configured(OTHER))
    assert "running a sample" in said
    assert second["tokens_of_sample"]["reason_output"] == 0, "the ECRs stand already"
    assert second["tokens_of_sample"]["embed_prompt"] > 0


def test_a_resumed_load_tells_apart_what_it_loaded_and_what_it_found(
    configured: Configured,
) -> None:
    loaded = configured()
    first, _ = run(loaded)
    store = open_store(loaded.config.store)
    folder = f"indexes/{loaded.config.index}/{first['version']}/load"
    markers = [json.loads(store.get(key)) for key, _ in store.list(folder)]
    key, _ = next(iter(store.list(folder)))
    lost = json.loads(store.get(key))
    store.delete(key)
    again, said = run(loaded)
    assert again["rows"] == {
        "in": ROWS + 1,
        "indexed": lost["done"],
        "unchanged": sum(each["done"] for each in markers) - lost["done"],
        "rejected": 2,
    }
    assert f"{lost['done']} indexed + {ROWS - 1 - lost['done']} unchanged + 2 rejected" in said
