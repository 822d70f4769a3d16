"""What is run, in what order, on what models; and how long each stage is said to take."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tte2_ray.cascade import BudgetConfig, CascadeConfig, Policy, dump_policy
from tte2_ray.engines import EmbedderConfig, EngineConfig
from tte2_ray.errors import ConfigError, ResourceMissingError
from tte2_ray.pipelines.evaluate.config import DirectConfig, EvaluateConfig, SweepConfig
from tte2_ray.pipelines.evaluate.plan import works
from tte2_ray.pipelines.evaluate.runs import index_job, rerank_job
from tte2_ray.pipelines.evaluate.systems import SYSTEMS
from tte2_ray.pipelines.evaluate.took import Took, latencies

CONFIG = EvaluateConfig(sweep=SweepConfig(budgets=(64, 0, 512)))


def policy_file(folder: Path, **made_of: Any) -> str:
    path = folder / "policy.json"
    path.write_text(dump_policy(replace(Policy.fixed(9, 2), made_of=made_of)))
    return str(path)


def with_policy(path: str) -> EvaluateConfig:
    return replace(CONFIG, cascade=replace(CONFIG.cascade, policy=path))


def test_the_sweep_goes_down_behind_the_cascade_without_a_bound() -> None:
    found = works(CONFIG)
    assert [work.name for work in found] == [
        "mm_ranker", "tte_ecrr", "tte_qar_ecrr", "tokens_per_query-512", "tokens_per_query-64",
        "tokens_per_query-0", "tte", "direct",
    ]  # fmt: skip
    assert [work.budget.tokens_per_query for work in found] == [None] * 3 + [512, 64, 0] + [
        None
    ] * 2
    mean = replace(CONFIG, sweep=SweepConfig(kind="mean_tokens_per_query", budgets=(5,)))
    assert works(mean)[3].budget == BudgetConfig(mean_tokens_per_query=5)


def test_a_budget_bounds_the_whole_cascade_alone() -> None:
    bound = replace(
        CONFIG, budget=BudgetConfig(tokens_per_query=900), sweep=SweepConfig(budgets=())
    )
    assert {work.name: work.budget.tokens_per_query for work in works(bound)} == {
        "mm_ranker": None, "tte_ecrr": None, "tte_qar_ecrr": 900, "tte": None, "direct": None,
    }  # fmt: skip


def test_a_policy_is_held_against_the_numbers_that_it_names(tmp_path: Path) -> None:
    told = policy_file(tmp_path, fixed={"judge": 12, "rewrite": 4})
    fixed = [work for work in works(with_policy(told)) if work.fixed]
    assert [(w.name, w.cascade.judge, w.cascade.rewrite, w.cascade.policy) for w in fixed] == [
        ("fixed-12x4", 12, 4, "")
    ]
    assert works(with_policy(told))[2].cascade.policy == told
    with pytest.raises(ConfigError, match=r"does not say what fixed numbers .*policies\.fixed"):
        works(with_policy(policy_file(tmp_path)))
    with pytest.raises(ResourceMissingError, match="no policy"):
        works(with_policy(str(tmp_path / "missing.json")))
    assert not [work for work in works(CONFIG) if work.fixed]


def test_direct_embedding_has_its_own_model_where_there_is_one() -> None:
    direct = CONFIG.embedder_of(direct=True)
    assert (direct.engine.model, direct.reads_ecr) == ("mini:direct", False)
    real = replace(CONFIG, embedder=EmbedderConfig(engine=EngineConfig(model="a/b", revision="1")))
    own = real.embedder_of(direct=True)
    assert (own.engine.model, own.engine.revision, own.reads_ecr) == ("a/b", "1", False)
    other = replace(real, direct=DirectConfig(model="c/d", revision="2"))
    assert other.embedder_of(direct=True).engine.model == "c/d"
    assert other.embedder_of(direct=False) == real.embedder


def test_the_jobs_get_what_the_evaluation_is_told() -> None:
    config = replace(CONFIG, store="s3://b/p", failure_budget=0.2, rows_per_shard=7, load_writers=3)
    index = index_job(config, "MSR-VTT", "m.jsonl", direct=True, report_dir="r")
    assert (index.index, index.store, index.corpus.path) == (
        "evaluate_MSR_VTT_direct", "s3://b/p", "m.jsonl",
    )  # fmt: skip
    assert (index.failure_budget, index.corpus.rows_per_shard, index.load_writers) == (0.2, 7, 3)
    assert not index.embedder.reads_ecr
    cascade, budget = CascadeConfig(judge=3, rewrite=1), BudgetConfig(tokens_per_query=5)
    rerank = rerank_job(config, "MSR-VTT", "q.jsonl", cascade, budget, direct=False,
                        report_dir="r")  # fmt: skip
    assert (rerank.index, rerank.log.path, rerank.run) == ("evaluate_MSR_VTT", "q.jsonl", "")
    assert (rerank.cascade, rerank.budget) == (cascade, budget)
    # Both jobs name ECRs alike, with either embedder: they are written once.
    assert index.ecr_recipe() == rerank.ecr_recipe()


def told(*phases: tuple[str, int, float], reused: int = 0, kept: int = 0) -> dict[str, Any]:
    """What results.json of a rerank job says."""
    return {
        "phases": [{"name": n, "rows": r, "working_s": s, "reused": reused} for n, r, s in phases],
        "kept": {"judgements": kept, "rewrites": 0},
    }


def test_times_outlast_the_run_that_took_them(tmp_path: Path) -> None:
    file = tmp_path / "took.json"
    Took(file).record("runs/a", told(("reason", 10, 5.0), ("rerank", 10, 20.0)))
    again = Took(file)
    again.record("runs/a", told())  # nothing was to do
    again.record("runs/b", told(("reason", 30, 3.0), ("rerank", 30, 4.0), reused=2))
    assert again.of(("runs/a",)).seconds == {"query_ecr": 0.5, "rerank": 2.0}
    assert again.of(("runs/a", "runs/b")).seconds == {}, "half of it was done before"
    assert json.loads(file.read_text())["runs/a"]["kept"] == 0


def test_a_stage_took_what_it_took_where_it_was_asked(tmp_path: Path) -> None:
    took = Took(tmp_path / "took.json")
    took.record("tte_ecrr", told(("reason", 10, 5.0), ("embed", 10, 1.0), ("rerank", 10, 20.0)))
    took.record("tte_qar_ecrr", told(("rerank", 10, 30.0), kept=99))
    taken = {name: took.of((name,)) for name in ("tte_ecrr", "tte_qar_ecrr")}
    waited = {
        "tte_ecrr": {"judge": [4.0, 1.0, 2.0]},
        "tte_qar_ecrr": {"judge": [], "rewrite": [3.0]},
    }
    both = latencies({name: SYSTEMS[name] for name in taken}, taken, waited)
    means = {stage: took["mean"] for stage, took in both["tte_qar_ecrr"].items()}
    assert means == {"query_ecr": 0.5, "query_embedding": 0.1, "judge": 2.0, "rewrite": 3.0}
    assert both["tte_ecrr"]["judge"] == {"mean": 2.0, "p50": 2.0, "p95": 2.0}
    assert both["tte_qar_ecrr"]["judge"]["p50"] == 2.0, "its judgements were kept from there"
    assert both["tte_qar_ecrr"]["rewrite"]["p95"] == 3.0
    alone = latencies({"tte_qar_ecrr": SYSTEMS["tte_qar_ecrr"]},
                      {"tte_qar_ecrr": taken["tte_qar_ecrr"]}, {})  # fmt: skip
    assert "rewrite" not in alone["tte_qar_ecrr"], "its judgements were kept from who knows when"
