"""The size of a model is told where all of it is on this machine, in a folder or in its cache."""

import json
import shutil
from pathlib import Path

import pytest

from tte2_ray.engines import EngineConfig, resolve_model
from tte2_ray.errors import ValidationError
from tte2_ray.pipelines.evaluate.parameters import parameters

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB = EngineConfig(model="Some/Model", revision=COMMIT)


def weights(path: Path, *shapes: tuple[int, ...]) -> None:
    """A file of weights as far as its header: no more is read."""
    tensors = {f"w{n}": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
               for n, shape in enumerate(shapes)}  # fmt: skip
    header = json.dumps({"__metadata__": {"format": "pt"}, **tensors}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(header).to_bytes(8, "little") + header)


def folder(path: Path, *shapes: tuple[int, ...]) -> Path:
    weights(path / "model.safetensors", *shapes)
    (path / "config.json").write_text("{}")
    return path


@pytest.fixture(autouse=True)
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an empty cache of the hub would hold the model."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub" / "models--Some--Model" / "snapshots" / COMMIT


def test_a_folder_and_its_adapter_are_counted_by_their_headers(tmp_path: Path) -> None:
    model = str(folder(tmp_path / "model", (3, 4), (5,)))
    assert parameters(EngineConfig(model=model)) == 17
    weights(tmp_path / "lora" / "adapter_model.safetensors", (2,))
    assert parameters(EngineConfig(model=model, lora=str(tmp_path / "lora"))) == 19
    assert parameters(EngineConfig(model=model, kind="fake")) == 0


def test_a_model_of_the_hub_is_counted_where_it_is_cached(snapshot: Path) -> None:
    assert parameters(HUB) == 0, "it is not on this machine"
    folder(snapshot, (7, 2))
    assert parameters(HUB) == 14
    assert parameters(EngineConfig(model="Some/Model", revision="f" * 40)) == 0
    assert parameters(EngineConfig(model="no name at all", revision="main")) == 0


def test_an_adapter_alone_is_no_size(tmp_path: Path, snapshot: Path) -> None:
    weights(tmp_path / "lora" / "adapter_model.safetensors", (2,))
    tuned = EngineConfig(model="Some/Model", revision=COMMIT, lora=str(tmp_path / "lora"))
    assert parameters(tuned) == 0
    folder(snapshot, (7, 2))
    assert parameters(tuned) == 16
    shutil.rmtree(tmp_path / "lora")
    assert parameters(tuned) == 0


def test_a_model_that_is_not_whole_is_of_unknown_size(snapshot: Path) -> None:
    folder(snapshot, (7, 2))
    (snapshot / "model.safetensors").rename(snapshot / "model-00001-of-00002.safetensors")
    named = {f"w{n}": f"model-0000{n}-of-00002.safetensors" for n in (1, 2)}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps({"weight_map": named}))
    assert parameters(HUB) == 0
    weights(snapshot / "model-00002-of-00002.safetensors", (1,))
    assert parameters(HUB) == 15


def test_models_of_the_package_have_a_size() -> None:
    assert Path(resolve_model("mini:embedder")).is_dir()
    assert parameters(EngineConfig(model="mini:embedder")) > 100_000


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    model = folder(tmp_path / "model", (3,))
    (model / "model.safetensors").write_bytes(b"no header at all")
    with pytest.raises(ValidationError, match=r"model\.safetensors is no whole safetensors file"):
        parameters(EngineConfig(model=str(model)))
