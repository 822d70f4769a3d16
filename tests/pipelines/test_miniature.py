"""The job as a user runs it: carried weights on real vLLM, real Ray, real Milvus; the slow test."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipelines.conftest import Configured, contents, run
from tte2_ray.ecr import parse_ecr
from tte2_ray.engines import resolve_model
from tte2_ray.mini.world import generate

EACH = 3
"""Items of each kind."""
CONTEXT = 1024
"""Tokens that the miniature can read and write."""


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Pictures, clips, pages and words that the miniature knows, and a text beyond its context."""
    made = generate(tmp_path / "world", 7, "dev", 1)
    kept: dict[str, list[dict[str, Any]]] = {}
    for line in (made.folder / "items.jsonl").read_text().splitlines():
        row = json.loads(line)
        kind = next(k for k in ("image_uri", "video_uri", "document_uri", "text") if row.get(k))
        kept.setdefault(kind, []).append(row)
    rows = [row for of_kind in kept.values() for row in of_kind[:EACH]]
    assert len(rows) == 4 * EACH
    rows.append({"item_id": "endless", "text": "red star " * CONTEXT})
    manifest = made.folder / "some.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return manifest


def changed_by_one_value(folder: Path) -> Path:
    """The carried embedder as somebody who trained it a little further would hand it over."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(resolve_model("mini:embedder"), folder)
    weights = load_file(folder / "model.safetensors")
    first = min(name for name in weights if name.endswith("norm.weight"))
    weights[first].view(-1)[0] += 0.125
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.timeout(900)
def test_the_miniature_indexes_its_world_and_a_new_embedder_reuses_every_ecr(
    configured: Configured, world: Path, tmp_path: Path
) -> None:
    given = (f"corpus.path={world}", "reasoner.engine.kind=vllm", "embedder.engine.kind=vllm")
    loaded = configured(*given, conf=True)
    first, said = run(loaded)
    assert first["rows"] == {"in": 13, "indexed": 12, "unchanged": 0, "rejected": 1}, said
    assert first["rejected_by_class"] == {"context_overflow": 1}
    assert first["live"]
    indexed = contents(loaded)
    assert len(indexed) == 12
    for item_id, fields in indexed.items():
        assert parse_ecr(fields["ecr"]).statement, item_id
        assert np.linalg.norm(fields["vector"]) == pytest.approx(1.0, abs=1e-3)
    assert len({tuple(fields["vector"]) for fields in indexed.values()}) > 8
    _check_the_plan(first)

    again, said = run(loaded)
    assert "nothing to do" in said
    assert again["phases"] == []
    assert again["tokens_this_run"] == {"reason_prompt": 0, "reason_output": 0, "embed_prompt": 0}
    assert again["rows"]["unchanged"] == 12

    other = changed_by_one_value(tmp_path / "embedder")
    newer = configured(*given, f"embedder.engine.model={other}", conf=True)
    second, said = run(newer)
    assert second["tokens_this_run"]["reason_output"] == 0
    assert second["tokens_this_run"]["embed_prompt"] > 0
    assert second["phases"][0]["reused"] == 13
    assert second["version"] != first["version"]
    assert second["live"], said
    fresh = contents(newer)
    assert {i: f["ecr"] for i, f in fresh.items()} == {i: f["ecr"] for i, f in indexed.items()}
    assert any(fresh[i]["vector"] != indexed[i]["vector"] for i in fresh)


def _check_the_plan(results: dict[str, Any]) -> None:
    """All rows were in the sample: its tokens are those of the run, but for the template."""
    planned = {phase["name"]: phase for phase in results["estimate"]["phases"]}
    did = {phase["name"]: phase for phase in results["phases"]}
    assert results["estimate"]["sample"]["rejected"] == {"context_overflow": 1}
    read = planned["reason"]["prompt_tokens"] * 12 / 13
    assert read == pytest.approx(did["reason"]["prompt_tokens"], rel=0.1)
    assert planned["reason"]["output_tokens"] >= did["reason"]["output_tokens"]
    assert planned["reason"]["usd"] > 0
    assert did["reason"]["seconds"] > did["reason"]["working_s"] > 0
