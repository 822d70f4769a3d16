"""What is part of the name of an ECR or a vector, and what is not."""

from dataclasses import replace
from pathlib import Path

import pytest

from tte2_ray.config import load_config
from tte2_ray.engines import EngineConfig
from tte2_ray.errors import ConfigError
from tte2_ray.pipelines.index.config import IndexConfig

ROOT = Path(__file__).parent.parent.parent


def names(*overrides: str) -> tuple[str, str]:
    """Fingerprints of ECRs and of vectors, of the configuration of the job with some changes."""
    config = load_config(IndexConfig, [ROOT / "conf" / "index_corpus.yaml"], overrides).config
    return config.ecr_recipe().fingerprint, config.embedding_recipe().fingerprint


@pytest.mark.parametrize(
    "override",
    [
        "media.allowed_schemes=[file,s3,https]",
        "media.allowed_file_roots=[/data]",
        "media.timeout_s=1",
        "media.fetch_attempts=9",
        "media.max_bytes=1000",
        "media.max_source_pixels=1000000",
        "reasoner.engine.max_in_flight=3",
        "reasoner.engine.replicas=4",
        "reasoner.engine.engine_args={gpu_memory_utilization: 0.5}",
        "corpus.rows_per_shard=3",
        "store=s3://elsewhere/x",
        "milvus.uri=http://elsewhere:19530",
        "failure_budget=1",
    ],
)
def test_where_things_lie_how_fast_they_go_and_what_is_refused_name_nothing(override: str) -> None:
    assert names(override) == names()


@pytest.mark.parametrize(
    "override",
    [
        "media.max_pixels=4608",
        "media.fps=1",
        "media.max_text_chars=10",
        "reasoner.instruction=Look.",
        "reasoner.sampling.max_tokens=8",
        "reasoner.engine.dtype=bfloat16",
        "reasoner.engine.engine_args={quantization: fp8}",
        "reasoner.engine.engine_args={load_format: dummy}",
        "reasoner.engine.max_model_len=512",
    ],
)
def test_what_changes_an_ecr_names_it_and_its_vector(override: str) -> None:
    ecr, vector = names(override)
    assert ecr != names()[0]
    assert vector != names()[1]


@pytest.mark.parametrize(
    "override",
    ["embedder.instruction=Look.", "embedder.reads_ecr=false", "embedder.engine.dtype=bfloat16"],
)
def test_a_new_embedder_names_vectors_and_leaves_ecrs(override: str) -> None:
    ecr, vector = names(override)
    assert ecr == names()[0]
    assert vector != names()[1]


def test_an_engine_says_which_of_its_arguments_change_answers() -> None:
    engine = EngineConfig(engine_args={"quantization": "fp8", "enforce_eager": True})
    assert engine.decisive_args == {"quantization": "fp8"}
    assert replace(engine, engine_args={}).decisive_args == {}


def test_replicas_must_be_there() -> None:
    with pytest.raises(ConfigError, match="replicas must be at least 1"):
        names("reasoner.engine.replicas=0")
