"""How large a miniature is and how long it was trained: from its files, not from a claim."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.shown import Row
from tte2_ray.artifacts.model_version import model_version

MOST_MB, MOST_MINUTES, MOST_CORES = 10, 60, 2


def made_rows(folders: Mapping[str, Path]) -> list[Row]:
    """Size of the weights, parameters and minutes of training, of each model.

    The minutes are those of one command; where a model starts from another one of these, those of
    both together are stated.

    Args:
        folders: of the models, by role.
    """
    makers = (_weights, _parameters, _training)
    rows = [row(role, path) for role, path in folders.items() for row in makers]
    return [*rows, *_together(folders)]


def _weights(role: str, folder: Path) -> Row:
    megabytes = sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 1e6
    return Row(name=f"{role}: weights", value=megabytes, unit="MB", target=f"<= {MOST_MB}",
               holds=0 < megabytes <= MOST_MB)  # fmt: skip


def _parameters(role: str, folder: Path) -> Row:
    """Tied weights are kept once, and count once."""
    from safetensors import safe_open

    count = 0
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="numpy") as kept:
            shapes = [kept.get_slice(name).get_shape() for name in kept.offset_keys()]
        count += sum(math.prod(shape) for shape in shapes)
    return Row.stated(f"{role}: parameters", count / 1e6, "million")


def _training(role: str, folder: Path) -> Row:
    """A process trains on a core; a model that does not say how it was made does not hold."""
    told = _told(folder)
    minutes = told.get("seconds", 0) / 60
    cores = told.get("training", {}).get("processes", 0)
    within = 0 < minutes < MOST_MINUTES and 0 < cores <= MOST_CORES
    return Row(name=f"{role}: training, cores {cores or 'not told'}", value=minutes,
               unit="minutes", target=f"< {MOST_MINUTES} on {MOST_CORES} cores",
               holds=within)  # fmt: skip


def _together(folders: Mapping[str, Path]) -> list[Row]:
    told = {role: _told(path) for role, path in folders.items()}
    if not any(one.get("starts_from") for one in told.values()):
        return []
    roles = {model_version(str(path)): role for role, path in folders.items()}
    return [
        Row.stated(f"{role}: training, with the {first} it starts from",
                   (one["seconds"] + told[first].get("seconds", 0)) / 60, "minutes")
        for role, one in told.items() if (first := roles.get(one.get("starts_from", "")))
    ]  # fmt: skip


def _told(folder: Path) -> dict[str, Any]:
    """What a model says of how it was made; nothing where it says nothing."""
    path = folder / "provenance.json"
    told: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return told
