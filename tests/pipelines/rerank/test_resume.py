"""Killed at any moment, the same command again ends in the same run; Ray is left out."""

import asyncio
import gc
from collections.abc import Sequence
from typing import Any

import pytest

from tests.pipelines.rerank.conftest import Configured, run
from tests.pipelines.without_ray import in_process
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import open_store
from tte2_ray.pipelines import flow
from tte2_ray.pipelines.rerank import job, outputs
from tte2_ray.stages import rerank as stage
from tte2_ray.stages.rerank import RerankShards

NARROW = ("cascade.retrieve=5", "cascade.judge=3", "cascade.rewrite=1",
          "cascade.rewrite_sees_media=false")  # fmt: skip


def asked(name: str) -> list[dict[str, Any]]:
    return [{"query_id": f"q{n}", "text": f"{name} {n}"} for n in range(10)]


def killed_after_one(stage_class: Any, work: object, shards: Sequence[Shard], _: object) -> Any:
    """A double of `run_phase`: the driver dies when one shard is reranked."""
    last = stage_class is RerankShards
    done = in_process(stage_class, work, shards[:1] if last else shards, _)
    if last:
        raise KeyboardInterrupt
    return done


def test_a_killed_driver_goes_on_where_it_was(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = configured(asked("killed"), *NARROW)
    with monkeypatch.context() as broken:
        broken.setattr(flow, "run_phase", killed_after_one)
        with pytest.raises(KeyboardInterrupt):
            run(loaded)
    left = run(loaded)
    phases = {phase["name"]: phase for phase in left.results["phases"]}
    assert (phases["reason"]["rows"], phases["reason"]["reused"]) == (0, 10)
    assert (phases["rerank"]["rows"], phases["rerank"]["reused"]) == (6, 4)
    assert left.results["queries"]["answered"] == 10
    assert left.results["kept"] == {"rewrites": 0, "judgements": 0}


@pytest.mark.parametrize(("owner", "step"), [(job, "gather"), (outputs, "write_dead_letters"),
                                             (job, "report_results")])  # fmt: skip
def test_a_driver_killed_on_the_way_to_its_files_writes_them_the_next_time(
    configured: Configured, monkeypatch: pytest.MonkeyPatch, owner: object, step: str
) -> None:
    rows = [*asked(step)[:3], {"query_id": "gone", "image_uri": "nowhere.png"}]
    loaded = configured(rows, *NARROW, "failure_budget=0.5")

    def dies(*_: object) -> None:
        """A double: the driver dies at this point."""
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(owner, step, dies)
        with pytest.raises(KeyboardInterrupt):
            run(loaded)
    left = run(loaded)
    assert "nothing to do" in left.said
    assert left.results["queries"] == {"in": 4, "distinct": 4, "answered": 3, "degraded": 0,
                                       "rejected": 1}  # fmt: skip
    assert len(left.run()) == 3


def test_tables_without_a_marker_are_not_paid_for_again(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = configured(asked("markers")[:4], *NARROW)
    first = run(loaded)
    store = open_store(loaded.config.store)
    folder = f"reranked/{first.results['fingerprints']['reranking']}"
    for key in [key for key, _ in store.list(folder) if key.endswith(".done.json")]:
        store.delete(key)
    again = run(loaded)
    assert again.results["phases"][-1]["prompt_tokens"] == 0
    assert str(again.table("judgements")) == str(first.table("judgements"))  # NaN is NaN


def test_an_order_does_not_depend_on_the_log_around_it(configured: Configured) -> None:
    rows = asked("alone")
    together = run(configured(rows, *NARROW, "budget.tokens_per_query=150"))
    alone = run(configured(rows[7:8], *NARROW, "budget.tokens_per_query=150",
                           "log.queries_per_shard=1", "log.name=alone"))  # fmt: skip
    assert alone.run()["q7"] == together.run()["q7"]


def test_a_dead_engine_ends_its_worker_and_leaves_no_half_shard(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = configured(asked("dead")[:4], *NARROW, "judge.engine.fake_dies_after=5")

    def leave(error: Exception) -> None:
        """A double of the end of this process."""
        raise SystemExit(str(error))

    monkeypatch.setattr(stage, "leave_with_dead_engine", leave)
    with pytest.raises(SystemExit, match="the fake engine died after 5"):
        run(loaded)
    store = open_store(loaded.config.store)
    assert not [key for key, _ in store.list("reranked") if "markers" in key]
    healthy = run(configured(None, *NARROW))
    assert healthy.results["queries"]["answered"] == 4


def test_a_dead_letter_of_the_engine_is_no_end(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judge whose context is too short for some pairs: those keep the retriever's place."""
    loaded = configured(asked("context")[:4], *NARROW, "judge.engine.max_model_len=21")
    left = run(loaded)
    queries = left.results["queries"]
    assert queries["degraded"] + queries["answered"] == 4
    refused = [row for row in left.table("judgements") if row["refused"]]
    assert all(row["refused"] == "context_overflow" for row in refused)
    assert bool(refused) == (queries["degraded"] > 0)


def test_a_stage_that_ray_lets_go_of_closes_its_engines_at_once(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []

    def let_go(stage_class: Any, work: object, shards: Sequence[Shard], _: object) -> Any:
        """A double of `run_phase`: like Ray Data it drops the stage, and no collector comes by."""
        if stage_class is not RerankShards:
            return in_process(stage_class, work, shards, _)
        made = RerankShards(work)  # type: ignore[arg-type]
        engines = made._judge, made._rewriter
        for shard in shards:
            asyncio.run(made.commit(shard))
        gc.disable()
        try:
            del made
            closed.extend(engine._closed for engine in engines)
        finally:
            gc.enable()
        raise KeyboardInterrupt

    monkeypatch.setattr(flow, "run_phase", let_go)
    with pytest.raises(KeyboardInterrupt):
        run(configured(asked("let go")[:2], *NARROW))
    assert closed == [True, True]
