"""The page of what a billion rows would take: from a real plan, with numbers that follow."""

import io
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tte2_ray.artifacts.shards import Shard
from tte2_ray.config import Options, load_config
from tte2_ray.engines import EmbedderConfig, EngineConfig, ReasonerConfig
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.pipelines.index import expect as expecting
from tte2_ray.pipelines.index.config import CorpusConfig, EstimateConfig, IndexConfig
from tte2_ray.pipelines.index.estimate import estimate
from tte2_ray.pipelines.index.job import index_corpus
from tte2_ray.pipelines.index.paper import page
from tte2_ray.pipelines.index.paper_numbers import Basis
from tte2_ray.pipelines.index.sample import Sample
from tte2_ray.pipelines.rates import Rate

ROWS = 1_000_000_000
CONF = Path(__file__).parents[2] / "conf"
GPU = EngineConfig(model="Somebody/Thinker-8B", num_gpus=1, replicas=64)
SAMPLE = Sample(rows=32, rejected={}, prompt_tokens=1000.0, visual_tokens=900.0)
RATES = {
    "reason": Rate(per_s=5000.0, start_s=60.0, output_tokens=200.0, basis="measured"),
    "embed": Rate(per_s=20_000.0, start_s=60.0, output_tokens=0.0, basis="measured"),
    "load": Rate(per_s=2000.0, start_s=0.0, output_tokens=0.0, basis="measured"),
}
BASIS = Basis(sample=SAMPLE, written=200.0, at_most=False, rates=RATES, dimension=2048,
              item_bytes=100.0, id_bytes=12.0, files=1.0)  # fmt: skip


def config(rows_per_shard: int = 128) -> IndexConfig:
    return IndexConfig(
        corpus=CorpusConfig(path="c", rows_per_shard=rows_per_shard),
        reasoner=ReasonerConfig(engine=GPU),
        embedder=EmbedderConfig(engine=GPU),
        milvus=MilvusConfig(index_type="DISKANN"),
        estimate=EstimateConfig(rows=ROWS, usd_per_gpu_hour=2.0),
        load_writers=8,
    )


def values(of: IndexConfig, basis: Basis = BASIS) -> dict[str, str]:
    return {figure.name: figure.value for _, figures in page(of, basis) for figure in figures}


def test_its_numbers_follow_from_the_sample_and_the_configuration() -> None:
    found = values(config())
    assert found["shards"] == "7,812,500"
    assert found["advised: shards"] == "244,141"
    assert found["objects"] == found["PUT"] == "46,875,000"
    assert found["GET, HEAD of media"] == "3,000,000,000"
    assert found["written"] == "200,000,000,000"
    assert found["read by the embedder"] == "1,200,000,000,000"
    assert found["reason, GPU hours"] == "66,667"
    assert found["reason, price"] == "$133,333.33"
    assert found["embed, GPU hours"] == "16,667"
    assert found["hours"] == "17.4", "eight writers load"
    assert found["DISKANN, chosen"] == "1.84 TB"
    assert "HNSW" in found
    assert values(config(), replace(BASIS, at_most=True))["written"].startswith("≤ ")
    assert "GET, HEAD of media" not in values(config(), replace(BASIS, files=0.0))


def test_who_takes_the_advice_gets_none_and_a_smaller_plan() -> None:
    advised = values(config(rows_per_shard=4096))
    assert advised["shards"] == "244,141"
    assert "advised: shards" not in advised
    assert advised["plan.json"] == "12.5 MB"


def worked_out(how: str) -> float:
    """The arithmetic of a figure."""
    text = re.sub(r"ln (\d+)", r"log(\1)", how.replace(",", "").replace("×", "*"))
    return float(eval(text, {"log": math.log}))


UNITS = {"TB": 1e12, "GB": 1e9, "MB": 1e6, "KB": 1e3}


@pytest.mark.parametrize("rows_per_shard", [128, 4096])
def test_each_number_is_what_its_formula_gives(rows_per_shard: int) -> None:
    for _, figures in page(config(rows_per_shard), BASIS):
        for figure in figures:
            unit = UNITS.get(figure.value[-2:], 1.0)
            value = float(re.sub(r"[^\d.]", "", figure.value)) * unit
            assert worked_out(figure.how) == pytest.approx(value, rel=0.006, abs=0.05 * unit), (
                figure
            )


def test_the_estimate_of_a_run_has_the_same_formula() -> None:
    shard = Shard(name="a", key="a", rows=500, rejected=0)
    todo = dict.fromkeys(("reason", "embed", "load"), (shard,) * 64)
    reason = estimate(config(), todo, SAMPLE, RATES).phases[0]
    hours = (reason.seconds - RATES["reason"].start_s) / 3600 * 64 / (64 * 500) * ROWS
    assert values(config())["reason, GPU hours"] == f"{hours:,.0f}"


def refuse(*_: object) -> None:
    """A double: Ray must not be asked for engines that only stand for others."""
    raise AssertionError("Ray was asked")


@pytest.mark.parametrize("preset", ["qwen3-vl-2b", "qwen3-vl-8b"])
def test_a_dry_run_prints_it_for_models_that_are_not_here(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expecting, "cluster", refuse)
    folder = tmp_path / "corpus"
    folder.mkdir()
    for n in range(5):
        Image.new("RGB", (320, 320), (n, 2, 3)).save(folder / f"{n}.png")
    given = [f"corpus.path={folder}", f"store={tmp_path / 'store'}",
             f"report_dir={tmp_path / 'report'}", f"milvus.data_dir={tmp_path / 'milvus'}",
             "reasoner.engine.kind=fake", "embedder.engine.kind=fake",
             f"estimate.rows={ROWS}"]  # fmt: skip
    files = [CONF / "index_corpus.yaml", CONF / "models" / f"{preset}.yaml"]
    out = io.StringIO()
    index_corpus(load_config(IndexConfig, files, given), Options(dry_run=True), out)
    said = out.getvalue()
    size = preset.removeprefix("qwen3-vl-").removesuffix("b")
    assert f"assumed of {size} billion parameters, not measured" in said
    assert "1,000,000,000 rows like those of the sample (5 rows), a first run" in said
    assert re.search(r"read by the reasoner +\d+,000,000,000 ", said)
    assert "100 visual" in said
    assert f"4 × {4096 if size == '8' else 2048}" in said
    assert len(said.splitlines()) <= 60, "one page"
    assert not (tmp_path / "store").exists()
