"""A judge that sees the media of queries, by the job on fake engines; Ray is left out."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.pipelines.rerank.conftest import Configured, run
from tests.pipelines.without_ray import in_process
from tte2_ray.pipelines import flow
from tte2_ray.stages.rerank import RerankShards

SEES = ("cascade.judge_sees_query=true", "judge.form=qwen3-vl-reranker", "cascade.retrieve=4",
        "cascade.judge=4", "cascade.rewrite=0", "failure_budget=0.6")  # fmt: skip


def draw(file: Path, red: int) -> None:
    Image.new("RGB", (64, 64), (red, 2, 3)).save(file)


def test_a_query_is_seen_as_it_was_when_it_was_reasoned_about(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("same", "changed"):
        draw(tmp_path / f"{name}.png", len(name))
    rows = [{"query_id": name, "image_uri": f"{name}.png"} for name in ("same", "changed")]

    def changed_meanwhile(stage: Any, *given: Any) -> Any:
        """A double of `run_phase`: a file changes before the last phase works."""
        if stage is RerankShards:
            draw(tmp_path / "changed.png", 99)
        return in_process(stage, *given)

    monkeypatch.setattr(flow, "run_phase", changed_meanwhile)
    left = run(configured([*rows, {"query_id": "words", "text": "note about 1"}], *SEES))
    outcomes = {row["query_id"]: row["outcome"] for row in left.table("queries")}
    assert outcomes == {"same": "answered", "changed": "rejected", "words": "answered"}
    assert left.results["rejected_by_class"] == {"content_changed": 1}
    spent = {row["query_id"]: row["prompt_visual"] for row in left.table("ledger")
             if row["stage"] == "judge"}  # fmt: skip
    assert spent == {"same": 4 * 36, "words": 0}, "its pixels are read once a candidate"
