"""Weights are safetensors with a recorded hash: a pickle is neither read nor in any version."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tte2_ray.artifacts.model_version import model_version
from tte2_ray.artifacts.weights import require_weights
from tte2_ray.engines.models import WEIGHTS
from tte2_ray.errors import ResourceMissingError
from tte2_ray.pipelines.config import engine_version
from tte2_ray.pipelines.rerank.config import RerankConfig

PICKLES = ("pytorch_model.bin", "model.pt", "model.pth", "model.pkl", "model.ckpt")


class Hostile:
    """What a pickle may be: it is run where it is read."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        raise_ = "raise AssertionError('it was run')"
        return exec, (raise_,)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 4}))
    return tmp_path


@pytest.mark.parametrize("name", PICKLES)
def test_pickled_weights_alone_are_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(pickle.dumps(Hostile()))
    for look in (require_weights, lambda f: model_version(str(f), cache=f / "cache.sqlite")):
        with pytest.raises(ResourceMissingError, match=r"holds no \*\.safetensors"):
            look(folder)


@pytest.mark.parametrize("name", PICKLES)
def test_pickled_weights_beside_others_are_in_no_version(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """`tests/engines/test_input.py` shows that vLLM does not read them."""
    cache = tmp_path_factory.mktemp("cache") / "digests.sqlite"
    save_file({"a": np.zeros(4, np.float32)}, folder / "model.safetensors")
    before = model_version(str(folder), cache=cache)
    (folder / name).write_bytes(pickle.dumps(Hostile()))
    require_weights(folder)
    assert model_version(str(folder), cache=cache) == before


def test_code_and_templates_in_a_folder_are_in_its_version(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.mktemp("cache") / "digests.sqlite"
    save_file({"a": np.zeros(4, np.float32)}, folder / "model.safetensors")
    versions = [model_version(str(folder), cache=cache)]
    for name in ("modeling.py", "chat_template.jinja", "tokenizer.json"):
        (folder / name).write_text("{}")
        versions.append(model_version(str(folder), cache=cache))
    assert len(set(versions)) == len(versions)
    assert all(version.startswith("sha256:") for version in versions)


def test_the_carried_models_hold_weights_and_descriptions_alone() -> None:
    files = [file for file in WEIGHTS.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".safetensors", ".json", ".jinja"}
    assert sum(file.suffix == ".safetensors" for file in files) == len(list(WEIGHTS.iterdir()))


def test_the_version_of_an_engine_holds_the_hash_of_its_weights() -> None:
    """It is in every key of what the engine writes, and so in every fingerprint."""
    config = RerankConfig()
    for engine in (config.reasoner.engine, config.embedder.engine, config.judge.engine):
        digest = model_version(str(WEIGHTS / engine.model.removeprefix("mini:")))
        assert engine_version(engine).startswith(digest)
    assert config.ecr_recipe().reasoner == engine_version(config.reasoner.engine)
    assert config.embedding_recipe().embedder == engine_version(config.embedder.engine)
