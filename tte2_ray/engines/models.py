"""Where a model's files lie."""

import json
from pathlib import Path
from typing import Any

from tte2_ray.artifacts.model_version import names_folder
from tte2_ray.engines.config import MINI
from tte2_ray.errors import ConfigError, ResourceMissingError

WEIGHTS = Path(__file__).parent.parent / "mini" / "weights"
"""The models that the package carries, one folder a role."""


def resolve_model(model: str) -> str:
    """The folder of a model, or its name on the hub.

    Args:
        model: `mini:<role>`, a folder, or a name on the hub.

    Raises:
        ResourceMissingError: a folder that does not exist, or holds no configuration.
    """
    if model.startswith(MINI):
        folder = WEIGHTS / model.removeprefix(MINI)
        if not (folder / "config.json").is_file():
            known = sorted(p.name for p in WEIGHTS.iterdir()) if WEIGHTS.is_dir() else []
            named = ", ".join(MINI + k for k in known) or "none"
            raise ResourceMissingError(f"the package carries no model {model!r}; it has {named}")
        return str(folder)
    local = names_folder(model)
    if local and not (Path(model).expanduser() / "config.json").is_file():
        raise ResourceMissingError(f"model folder {model} does not exist, or has no config.json")
    return str(Path(model).expanduser()) if local else model


def read_config(folder: Path) -> dict[str, Any]:
    """What a model says of itself: its config.json.

    Raises:
        ResourceMissingError: there is none, or it is damaged.
    """
    file = folder / "config.json"
    try:
        described = json.loads(file.read_text())
    except OSError as error:
        raise ResourceMissingError(f"model folder {folder} has no config.json") from error
    except ValueError as error:
        raise ResourceMissingError(f"{file} is damaged ({error}); fetch it again") from error
    if not isinstance(described, dict):
        raise ResourceMissingError(f"{file} is damaged (no mapping); fetch it again")
    return described


def hidden_size(described: dict[str, Any]) -> int:
    """Length of a model's vectors by its config.json; 0 where that does not say."""
    text = described.get("text_config") or described
    return int(text.get("hidden_size") or 0)


def model_parameters(described: dict[str, Any]) -> int:
    """About how many parameters a decoder has by its config.json, without what sees pixels; 0 where
    that does not say.

    >>> model_parameters({"hidden_size": 2048, "num_hidden_layers": 28, "intermediate_size": 6144,
    ...                   "vocab_size": 151936})
    1837891584
    """
    text = described.get("text_config") or described
    hidden, layers, inner, words = (
        int(text.get(name) or 0)
        for name in ("hidden_size", "num_hidden_layers", "intermediate_size", "vocab_size")
    )
    of_layer = 4 * hidden * hidden + 3 * hidden * inner
    return layers * of_layer + words * hidden


def refuse_longer(model: str, wanted: int, own: int) -> None:
    """Refuses vectors that are longer than a model makes them.

    Args:
        model: the embedder.
        wanted: values of a vector, by the configuration.
        own: by the model.

    Raises:
        ConfigError: more are wanted.
    """
    if wanted > own:
        raise ConfigError(
            f"embedder.dimension is {wanted}, but {model} makes vectors of {own}; set that, or "
            "less where the model allows it (Matryoshka)"
        )


def hub_hint(model: str) -> str:
    """What to try where a model on the hub does not load."""
    if Path(resolve_model(model)).is_dir():
        return ""
    return "; is the hub reachable? Otherwise fetch the model and name its folder instead"
