"""What is seen of models before an engine starts."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tte2_ray.config import load_config
from tte2_ray.engines import EngineConfig, resolve_model
from tte2_ray.errors import ConfigError, ResourceMissingError
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.models import require_models, with_whole_folders


def copied(folder: Path, **described: Any) -> Path:
    """The embedder of the package, saying more of itself."""
    shutil.copytree(resolve_model("mini:embedder"), folder)
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **described}))
    return folder


def config(*overrides: str) -> IndexConfig:
    return load_config(IndexConfig, [], ["reasoner.engine.kind=fake", *overrides]).config


@pytest.mark.parametrize(
    ("described", "overrides", "message"),
    [
        ({}, ["embedder.dimension=32"], "does not say that they may be cut"),
        ({"is_matryoshka": True}, ["embedder.dimension=32"], ""),
        ({}, ["embedder.dimension=32",
              "embedder.engine.engine_args.hf_overrides={is_matryoshka: true}"], ""),
        ({"matryoshka_dimensions": [16, 32]}, ["embedder.dimension=32"], ""),
        ({"matryoshka_dimensions": [16, 32]}, ["embedder.dimension=24"], r"or one of \[16, 32\]"),
        ({"is_matryoshka": True}, ["embedder.dimension=4096"], "makes vectors of"),
        ({}, ["embedder.dimension=4096", "embedder.engine.kind=fake"], ""),
    ],
)  # fmt: skip
def test_a_length_that_vllm_would_refuse_row_by_row(
    tmp_path: Path, described: dict[str, Any], overrides: list[str], message: str
) -> None:
    folder = copied(tmp_path / "model", **described)
    given = config(f"embedder.engine.model={folder}", *overrides)
    if not message:
        require_models(given)
        return
    with pytest.raises(ConfigError, match=message):
        require_models(given)


def test_an_adapter_that_is_cut_short(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"r": 16}')
    (tmp_path / "adapter_model.safetensors").write_bytes(b"short")
    with pytest.raises(ResourceMissingError, match=r"adapter_model\.safetensors is damaged"):
        require_models(config(f"embedder.engine.lora={tmp_path}"))


def test_a_damaged_description(tmp_path: Path) -> None:
    folder = copied(tmp_path / "model")
    (folder / "config.json").write_text("{")
    with pytest.raises(ResourceMissingError, match=r"config\.json is damaged"):
        require_models(config(f"embedder.engine.model={folder}"))


def test_folders_are_whole_for_workers_that_start_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models" / "lora").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    given = IndexConfig()
    engine = EngineConfig(model="./models", lora="models/lora")
    given = replace(given, embedder=replace(given.embedder, engine=engine))
    whole = with_whole_folders(given)
    assert whole.embedder.engine.model == str(tmp_path / "models")
    assert whole.embedder.engine.lora == str(tmp_path / "models" / "lora")
    assert whole.reasoner == given.reasoner, "carried by the package"
    home = replace(given, embedder=replace(given.embedder, engine=EngineConfig(model="~/models")))
    assert with_whole_folders(home).embedder.engine.model == str(tmp_path / "models")
    hub = replace(given, embedder=replace(given.embedder, engine=EngineConfig(model="Some/Model")))
    assert with_whole_folders(hub) == hub
