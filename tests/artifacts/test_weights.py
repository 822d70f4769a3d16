"""Weights are seen to be whole by names, headers and sizes."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tte2_ray.artifacts.weights import missing_weights, require_weights
from tte2_ray.errors import ResourceMissingError

PARTS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model in two parts and their index."""
    for name in PARTS:
        save_file({name: np.zeros(8, np.float32)}, tmp_path / name)
    index = {"weight_map": {name: name for name in PARTS}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    return tmp_path


def test_whole_weights_pass(folder: Path) -> None:
    require_weights(folder)
    assert missing_weights(folder) == ""


def test_a_part_that_the_index_names_is_missed(folder: Path) -> None:
    (folder / PARTS[1]).unlink()
    with pytest.raises(ResourceMissingError, match=rf"lacks {PARTS[1]}.*\(1 missing\)"):
        require_weights(folder)


@pytest.mark.parametrize("kept", [0, 7, 40, -1])
def test_a_part_that_is_cut_short_is_named(folder: Path, kept: int) -> None:
    part = folder / PARTS[0]
    part.write_bytes(part.read_bytes()[:kept])
    with pytest.raises(ResourceMissingError, match=rf"{PARTS[0]} is damaged or cut short"):
        require_weights(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weight_map": 3}'])
def test_a_damaged_index_is_named(folder: Path, text: str) -> None:
    (folder / "model.safetensors.index.json").write_text(text)
    with pytest.raises(ResourceMissingError, match=r"damaged model\.safetensors\.index"):
        require_weights(folder)


def test_a_folder_without_weights(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ResourceMissingError, match=r"holds no \*\.safetensors"):
        require_weights(tmp_path)
