"""Are a model's weights all there? Seen from names, headers and sizes; no weight is read."""

import json
from pathlib import Path

from tte2_ray.artifacts.model_version import model_files
from tte2_ray.errors import ResourceMissingError

_INDEX = ".safetensors.index.json"


def require_weights(folder: Path) -> None:
    """Sees that the weights in a folder are complete.

    Args:
        folder: of a model, or of an adapter.

    Raises:
        ResourceMissingError: there are none, a part of them is missing, or one is cut short.
    """
    if missing := missing_weights(folder):
        raise ResourceMissingError(f"model folder {folder} {missing}; train or fetch it (again)")
    for file in model_files(folder):
        if file.suffix == ".safetensors":
            _require_whole(file)


def missing_weights(folder: Path) -> str:
    """What a folder lacks of its weights, in words that follow its name; "" where nothing."""
    files = model_files(folder)
    if not any(file.suffix == ".safetensors" for file in files):
        return "holds no *.safetensors (other weights are not read)"
    for index in (file for file in files if file.name.endswith(_INDEX)):
        try:
            named = {str(name) for name in json.loads(index.read_text())["weight_map"].values()}
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            return f"has a damaged {index.name} ({type(error).__name__})"
        if absent := sorted(name for name in named if not (index.parent / name).is_file()):
            return f"lacks {absent[0]}, which {index.name} names ({len(absent)} missing)"
    return ""


def _require_whole(file: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np"):  # compares its header with its size
            pass
    except (SafetensorError, OSError) as error:
        raise ResourceMissingError(
            f"{file} is damaged or cut short ({error}); train or fetch it again"
        ) from error
