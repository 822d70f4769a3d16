"""The rerank job on a real local Ray: its phases spread, a dead engine is replaced, all accounted
for. What becomes of queries is tried in tests/pipelines/rerank, without Ray."""

import io
import json
from pathlib import Path

import pytest

from tests.pipelines.conftest import Configured, run
from tests.pipelines.without_ray import leave_ray_out
from tte2_ray.config import Options, load_config
from tte2_ray.pipelines.rerank.config import RerankConfig
from tte2_ray.pipelines.rerank.job import rerank_log

QUERIES = 24


def test_a_log_is_reranked_though_a_judge_dies(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed = configured()
    with monkeypatch.context() as patch:
        leave_ray_out(patch)
        run(indexed)
    log = tmp_path / "queries.tsv"
    log.write_text("".join(f"q{n}\tnote about {n % 18}\n" for n in range(QUERIES)))
    index, report = indexed.config, tmp_path / "reranked"
    loaded = load_config(RerankConfig, [], [
        f"index={index.index}", f"store={index.store}", f"milvus.data_dir={index.milvus.data_dir}",
        f"log.path={log}", "log.queries_per_shard=3", f"report_dir={report}",
        "reasoner.engine.kind=fake", "embedder.engine.kind=fake", "rewriter.engine.kind=fake",
        "judge.engine.kind=fake", "judge.engine.fake_dies_after=60", "judge.engine.replicas=2",
        "judge.engine.shards_in_flight=1", "cascade.retrieve=8", "cascade.judge=6",
        "cascade.rewrite=2", "budget.tokens_per_query=500",
    ])  # fmt: skip
    out = io.StringIO()
    rerank_log(loaded, Options(), out)
    results = json.loads((report / "results.json").read_text())
    said = out.getvalue()
    assert results["queries"]["in"] == QUERIES, said
    assert results["queries"]["distinct"] == 18
    assert results["queries"]["rejected"] == 0
    assert [phase["rows"] for phase in results["phases"]] == [18, 18, 18]
    assert results["budget"]["spent"] <= 500 * 18
    assert results["spent"]["rewrite"]["requests"] > 0
    lines = (report / "run.trec").read_text().splitlines()
    assert len(lines) == QUERIES * 8
    assert "rerank      18/18 rows" in said
