"""Killed at any moment, the same command again ends in the same run; Ray is left out."""

import asyncio
import gc
import io
from collections.abc import Sequence
from typing import Any

import pytest

from tests.pipelines.rerank.conftest import INDEX, ONE_SHARD, Configured, Made, run
from tests.pipelines.without_ray import in_process
from tte2_ray.artifacts.lease import LeaseConfig, LeaseHeldError
from tte2_ray.artifacts.query_log.freeze import FrozenLog
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.artifacts.tables import write_table
from tte2_ray.artifacts.working import collecting
from tte2_ray.pipelines import flow
from tte2_ray.pipelines.rerank import job, outputs
from tte2_ray.pipelines.rerank.config import RerankConfig
from tte2_ray.pipelines.rerank.plan import plan_log
from tte2_ray.stages import answer_tables
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
    plan = plan_log(loaded.config, open_store(loaded.config.store)).plan
    first = plan.shards[0].rows
    assert 0 < first < 10
    assert (phases["rerank"]["rows"], phases["rerank"]["reused"]) == (10 - first, first)
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


def test_tables_that_no_outcomes_vouch_for_are_of_no_account(
    made: Made, configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first attempt sees no candidate and dies before its outcomes; the second sees all."""
    rows = [{"query_id": "q", "text": "between tables", "candidates": ["i0", "i3"]}]
    loaded = configured(rows, "cascade.mode=media", "cascade.retrieve=2", "cascade.judge=2",
                        "cascade.rewrite=0")  # fmt: skip

    def dies(store: Store, key: str, table: Any) -> bool:
        """A double of `write_table`: the process dies before the outcomes are written."""
        if "step" in table.column_names:
            raise KeyboardInterrupt
        return write_table(store, key, table)

    pictures, away = made.folder / "corpus", made.folder / "away"
    pictures.rename(away)
    try:
        with monkeypatch.context() as broken:
            broken.setattr(answer_tables, "write_table", dies)
            with pytest.raises(KeyboardInterrupt):
                run(loaded)
    finally:
        away.rename(pictures)
    left = run(loaded)
    assert {row["stage"] for row in left.table("judgements")} == {"judged"}
    [query] = left.table("queries")
    assert (query["outcome"], query["notes"]) == ("answered", "{}")
    counted = ("prompt_text", "prompt_visual", "output")
    [judged] = [row for row in left.table("ledger") if row["stage"] == "judge"]
    assert sum(judged[name] for name in counted) == query["spent"] > 0


def test_a_row_that_is_added_at_the_head_pays_for_its_shard_alone(configured: Configured) -> None:
    rows = [{"query_id": f"q{n}", "text": f"many {n}"} for n in range(60)]
    before = run(configured(rows, *NARROW)).run()
    left = run(configured([{"query_id": "new", "text": "at the head"}, *rows], *NARROW))
    phases = {phase["name"]: phase for phase in left.results["phases"]}
    assert all(phases[name]["reused"] >= 40 for name in ("reason", "embed", "rerank")), phases
    orders = left.run()
    assert list(orders) == ["new", *before], "in the order of the log"
    assert {query: orders[query] for query in before} == before


def test_an_order_does_not_depend_on_the_log_around_it(configured: Configured) -> None:
    rows = asked("alone")
    together = run(configured(rows, *NARROW, "budget.tokens_per_query=150"))
    alone = run(configured(rows[7:8], *NARROW, "budget.tokens_per_query=150",
                           "log.queries_per_shard=1", "log.name=alone"))  # fmt: skip
    assert alone.run()["q7"] == together.run()["q7"]


def test_a_dead_engine_ends_its_worker_and_leaves_no_half_shard(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = asked("dead")[:4]
    loaded = configured(rows, *NARROW, ONE_SHARD, "judge.engine.fake_dies_after=5")
    store = open_store(loaded.config.store)
    before = dict(store.list("reranked"))

    def leave(error: Exception) -> None:
        """A double of the end of this process."""
        raise SystemExit(str(error))

    monkeypatch.setattr(stage, "leave_with_dead_engine", leave)
    with pytest.raises(SystemExit, match="the fake engine died after 5"):
        run(loaded)
    assert dict(store.list("reranked")) == before, "neither a table nor a marker"
    healthy = run(configured(None, *NARROW, ONE_SHARD))
    assert healthy.results["queries"]["answered"] == 4
    made = [key for key, _ in store.list("reranked") if key not in before]
    assert sum(key.endswith(".done.json") for key in made) == 1


def test_a_dead_letter_of_the_engine_is_no_end(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judge whose context is too short for some pairs: those keep the retriever's place."""
    rows = [*asked("context")[:2], *asked("context of far too many words for it" * 2)[2:4]]
    loaded = configured(rows, *NARROW, "judge.engine.max_model_len=21", "failure_budget=0.5")
    left = run(loaded)
    queries = left.results["queries"]
    assert (queries["answered"], queries["degraded"], queries["rejected"]) == (2, 2, 0)
    judgements = left.table("judgements")
    refused = [row for row in judgements if row["refused"]]
    assert {row["refused"] for row in refused} == {"context_overflow"}
    assert {row["query_id"] for row in refused} == {"q2", "q3"}
    assert len(refused) == 6
    assert all(row["place"] == row["rank"] for row in refused)


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


def test_what_a_log_is_planned_of_is_no_garbage_meanwhile(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that no plan names yet are deleted by nobody."""
    loaded, refused = configured(asked("planned"), *NARROW), list[str]()
    store, short = open_store(loaded.config.store), LeaseConfig(expiry_s=6)

    def planned(config: RerankConfig, plans: Store) -> FrozenLog:
        frozen = plan_log(config, plans)
        with pytest.raises(LeaseHeldError) as error, collecting(store, INDEX, short, io.StringIO()):
            pass
        refused.append(str(error.value))
        return frozen

    monkeypatch.setattr(job, "plan_log", planned)
    monkeypatch.setattr(job, "_PLANNING", short)
    assert run(loaded).results["queries"]["answered"] == 10
    assert f"log {loaded.config.log.name} is held by" in refused[0]
