"""The whole evaluation on fake engines: its jobs, its order, its files. Nothing here is quality.

Store, tables and Milvus are real; Ray is left out, so that stages work in this process.
"""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipelines.evaluate.mmeb_folder import write_mmeb
from tests.pipelines.without_ray import in_process
from tte2_ray.cascade import load_policy
from tte2_ray.config import Options, load_config
from tte2_ray.engines import lazily
from tte2_ray.errors import ConfigError, PartialFailure
from tte2_ray.milvus.server import stop_server
from tte2_ray.mini.world import generate
from tte2_ray.pipelines import flow, nodes
from tte2_ray.pipelines.evaluate import job as evaluating
from tte2_ray.pipelines.evaluate.config import EvaluateConfig
from tte2_ray.pipelines.evaluate.job import evaluate
from tte2_ray.pipelines.index import job as indexing
from tte2_ray.pipelines.rerank import job as reranking
from tte2_ray.pipelines.rerank.config import RerankConfig

CONF = Path(__file__).parents[3] / "conf" / "evaluate.yaml"
ROLES = ("reasoner", "embedder", "judge", "rewriter")
TASKS = ("image_retrieval", "image_qa", "grounding")
QUERIES = 2


@pytest.fixture(scope="module", autouse=True)
def without_ray() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for each in (evaluating, indexing, reranking):
            patch.setattr(each, "cluster", lambda _: nullcontext(False))
        patch.setattr(nodes, "require_cluster", lambda *_, **__: None)
        patch.setattr(flow, "run_phase", in_process)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("evaluate")
    generate(made / "world", seed=11, split="test", queries_per_task=QUERIES)
    write_config(made)
    yield made
    stop_server(made / "milvus")


def run(folder: Path, *overrides: str, report: str = "report", **options: bool) -> str:
    """Runs the job; what it printed."""
    out = io.StringIO()
    given = [*overrides, f"report_dir={folder / report}"]
    evaluate(load_config(EvaluateConfig, [folder / "mine.yaml"], given), Options(**options), out)
    return out.getvalue()


def write_config(folder: Path) -> None:
    """A file, because many overrides take longer to merge than the job takes on fakes."""
    told = {
        "store": str(folder / "store"),
        "milvus": {"data_dir": str(folder / "milvus")},
        "benchmark": {"path": str(folder / "world"), "tasks": list(TASKS)},
        "work_dir": str(folder / "work"),
        "cascade": {"retrieve": 8, "judge": 6, "rewrite": 2},
        "sweep": {"budgets": [0, 256, 8192]},
        "report_samples": 0,
        **{role: {"engine": {"kind": "fake"}} for role in ROLES},
    }
    (folder / "mine.yaml").write_text(yaml.safe_dump(told))


def results(folder: Path, report: str = "report") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / report / "results.json").read_text())
    return found


def by_name(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in rows}


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    return run(folder)


@pytest.fixture(scope="module")
def described(folder: Path, printed: str) -> dict[str, Any]:
    assert printed
    return results(folder)


def test_every_system_is_measured_over_every_query(described: dict[str, Any]) -> None:
    assert (described["outcome"], described["queries"]) == ("done", 3 * QUERIES)
    systems = by_name(described["systems"])
    assert list(systems) == ["direct", "tte", "tte_ecrr", "tte_qar_ecrr", "mm_ranker"]
    assert all(s["quality"]["n"] == 3 * QUERIES for s in systems.values())
    assert [(s["before"], s["after"]) for s in described["steps"]] == [
        ("direct", "tte"), ("tte", "tte_ecrr"), ("tte_ecrr", "tte_qar_ecrr"),
        ("mm_ranker", "tte_qar_ecrr"),
    ]  # fmt: skip
    assert by_name(described["tasks"])["image_qa"]["type"] == "qa"
    assert by_name(described["groups"])["image"]["tasks"] == 3
    assert described["items"] > 3 * QUERIES


def test_tokens_are_those_of_the_stages_that_a_system_has(described: dict[str, Any]) -> None:
    spends = {
        name: {stage for stage, kinds in s["spent"].items() if any(kinds.values())}
        for name, s in by_name(described["systems"]).items()
    }
    thinks = {"query_ecr", "query_embedding"}
    assert spends == {
        "direct": {"query_embedding"},
        "tte": thinks,
        "tte_ecrr": thinks | {"judge"},
        "tte_qar_ecrr": thinks | {"judge", "rewrite"},
        "mm_ranker": thinks | {"judge"},
    }
    seen = by_name(described["systems"])["mm_ranker"]["spent"]["judge"]
    assert seen["prompt_visual"] > 0
    assert by_name(described["systems"])["tte_ecrr"]["spent"]["judge"]["prompt_visual"] == 0


def test_budgets_are_kept_and_the_ladder_told(described: dict[str, Any]) -> None:
    sweep = described["sweep"]
    assert [row["budget"] for row in sweep] == [0, 256, 8192]
    spent = [row["reranking_tokens_per_query"]["value"] for row in sweep]
    assert spent[0] == 0
    assert 0 < spent[1] <= 256
    full = by_name(described["systems"])["tte_qar_ecrr"]
    assert spent[2] == full["reranking_tokens_per_query"]["value"]
    assert sweep[0]["quality"] == by_name(described["systems"])["tte"]["quality"]
    assert sweep[0]["steps"] == {"retrieval_order": 3 * QUERIES}
    assert sweep[2]["steps"] == {"full": 3 * QUERIES}
    assert [row["change"] is None for row in sweep] == [True, False, False]


def test_the_page_and_the_table_are_there(folder: Path, printed: str) -> None:
    names = {path.name for path in (folder / "report").iterdir()}
    assert names == {"results.json", "report.html", "table.csv", "figure.csv", "per-query.parquet"}
    page = (folder / "report" / "report.html").read_text()
    assert "TTE + QAR + ECRR" in page
    assert "mean: all" in printed
    assert "plan   miniature" in printed


def test_a_second_run_asks_no_engine_and_measures_the_same(
    folder: Path, described: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*_: object) -> None:
        raise AssertionError("an engine was started")

    monkeypatch.setattr(flow, "run_phase", _nothing_to_do)
    monkeypatch.setattr(lazily.LazyJudge, "judge", started)
    run(folder, report="again")
    again = results(folder, "again")
    for part in ("systems", "sweep", "tasks", "steps", "top", "groups"):
        assert again[part] == described[part]


def _nothing_to_do(stage: Any, work: object, shards: Sequence[Any], _: object) -> list[Any]:
    assert not shards, f"{stage.__name__} works again"
    return []


def test_what_a_cheaper_run_asks_was_kept(folder: Path, described: dict[str, Any]) -> None:
    assert described
    for tokens in (0, 256, 8192):
        report = f"tokens_per_query-{tokens}-mini"
        told = json.loads((folder / "work" / "rerank" / report / "results.json").read_text())
        spent = told["spent"]
        asked = sum(spent[stage]["requests"] for stage in ("judge", "rewrite") if stage in spent)
        served = sum(p["prompt_tokens"] for p in told["phases"] if p["name"] == "rerank")
        assert served == 0, f"{asked} answers under {tokens} tokens were asked for again"


def test_times_are_told_of_the_run_that_did_the_work(described: dict[str, Any]) -> None:
    took = {name: set(s["latency_s"]) for name, s in by_name(described["systems"]).items()}
    thinks = {"query_ecr", "query_embedding"}
    assert took == {
        "direct": {"query_embedding", "retrieve"},
        "tte": thinks | {"retrieve"},
        "tte_ecrr": thinks | {"judge"},
        "tte_qar_ecrr": thinks | {"judge", "rewrite"},
        "mm_ranker": thinks | {"judge"},
    }


def test_a_policy_is_calibrated_and_then_held_against_fixed_numbers(folder: Path) -> None:
    policy = folder / "policy.json"
    said = run(folder, f"calibrate.out={policy}", "calibrate.judge=[0,2,4,6]", report="dev")
    assert "saved" in said
    made = load_policy(str(policy))
    told = results(folder, "dev")
    assert made.made_of["queries"] == told["queries"] == 3 * QUERIES
    assert told["calibrated"]["tokens_per_query"] <= told["fixed"]["tokens_per_query"]
    unfused = next(each for each in told["fused"] if each["fusion_weight"] == 0)
    assert unfused == {"fusion_weight": 0.0, **told["fixed"]}
    run(folder, f"cascade.policy={policy}", "policies.fixed=[6x2,2x0]", "sweep.budgets=[]",
        "systems=[tte,tte_qar_ecrr]", report="held")  # fmt: skip
    found = by_name(results(folder, "held")["policies"])
    assert list(found) == ["fixed 6x2", "fixed 2x0", "calibrated"]
    # The queries are those that it was calibrated on: what was promised is what is measured.
    spent = found["calibrated"]["reranking_tokens_per_query"]["value"]
    assert spent == pytest.approx(told["calibrated"]["tokens_per_query"], abs=0.06)
    quality = found["calibrated"]["quality"]["value"]
    assert quality == pytest.approx(told["calibrated"]["quality"], abs=1e-4)


def test_mmeb_is_an_index_a_task(folder: Path) -> None:
    names = ["ImageNet-1K", "ViDoRe_docvqa"]
    root = write_mmeb(folder / "mmeb", names)
    run(folder, "benchmark.kind=mmeb-v2", f"benchmark.path={root}",
        f"benchmark.tasks=[{','.join(names)}]", "systems=[tte]", report="public")  # fmt: skip
    found = results(folder, "public")
    assert {row["name"]: (row["measure"], row["queries"]) for row in found["tasks"]} == {
        "ImageNet-1K": ("Success@1", 2), "ViDoRe_docvqa": ("nDCG@5", 2),
    }  # fmt: skip
    assert {row["name"]: (row["tasks"], row["of"]) for row in found["groups"]} == {
        "image": (1, 36), "visdoc": (1, 24), "all": (2, 78),
    }  # fmt: skip
    scores = json.loads((folder / "public" / "published" / "tte.json").read_text())
    assert set(scores["metrics"]["visdoc"]["ViDoRe_docvqa"]) == {
        "ndcg_linear@5", "num_pred", "num_data",
    }  # fmt: skip
    assert len(by_name(found["systems"])["tte"]["runs"]) == 2


def test_a_dry_run_writes_nothing(folder: Path) -> None:
    said = run(folder, report="dry", dry_run=True)
    assert "to run over each corpus: mm_ranker, tte_ecrr, tte_qar_ecrr" in said
    assert not (folder / "dry").exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["benchmark.path="], "benchmark.path is empty"),
        (["benchmark.tasks=[qa]"], "has no task qa"),
        (["systems=[ecrr]"], "has no ecrr"),
        (["policies.fixed=[3]"], "<judge>x<rewrite>"),
        (["policies.fixed=[2x3]"], "no more rewritten than judged"),
        (["sweep.budgets=[-1]"], "0 tokens are the least"),
        (["calibrate.out=p.json", "cascade.rewrite_best_of=retriever"], "rewrite_best_of=judge"),
        (["log.run=bm25.trec", "version=v7"], "^log.run, version may not be set here"),
    ],
)
def test_what_is_wrong_is_told_before_anything_runs(
    folder: Path, overrides: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(folder, *overrides, report="wrong")


def test_a_job_that_fails_ends_the_evaluation_and_says_so(folder: Path) -> None:
    with pytest.raises(PartialFailure):
        run(folder, "reasoner.engine.max_model_len=3", f"store={folder / 'other'}", "index=broken",
            report="broken")  # fmt: skip
    told = results(folder, "broken")
    assert (told["outcome"], told["exit_code"]) == ("failed", 7)
    assert not (folder / "broken" / "report.html").exists()


def test_every_key_of_the_file_is_the_default_of_the_code() -> None:
    of_reranking = set(RerankConfig.__dataclass_fields__)
    own = {name for name in EvaluateConfig.__dataclass_fields__ if name not in of_reranking}
    written = yaml.safe_load(CONF.read_text())
    assert own <= set(written)
    assert load_config(EvaluateConfig, [CONF]).config == EvaluateConfig()
    for part in ("benchmark", "direct", "sweep", "policies", "calibrate", "verify"):
        assert set(written[part]) == set(getattr(EvaluateConfig(), part).__dataclass_fields__)
