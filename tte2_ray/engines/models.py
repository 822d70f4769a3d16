"""Where a model's files lie."""

from pathlib import Path

from tte2_ray.engines.config import MINI
from tte2_ray.errors import ResourceMissingError

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
    looks_local = model.startswith(("/", ".", "~")) or model.count("/") > 1
    if looks_local and not (Path(model).expanduser() / "config.json").is_file():
        raise ResourceMissingError(f"model folder {model} does not exist, or has no config.json")
    return str(Path(model).expanduser()) if looks_local else model


def hub_hint(model: str) -> str:
    """What to try where a model on the hub does not load."""
    if Path(resolve_model(model)).is_dir():
        return ""
    return "; is the hub reachable? Otherwise fetch the model and name its folder instead"
