"""How large a model is: its parameters, counted from the headers of its weights."""

import json
import math
from pathlib import Path

from tte2_ray.artifacts.model_version import model_files
from tte2_ray.artifacts.weights import missing_weights
from tte2_ray.engines import EngineConfig, resolve_model
from tte2_ray.errors import ValidationError

_CONFIG = "config.json"
_LENGTH_BYTES = 8
_MOST_HEADER_BYTES = 100_000_000
"""As the format itself bounds it."""


def parameters(engine: EngineConfig) -> int:
    """Parameters of a model and its adapter; 0 where not all of them are here, or of a fake.

    A name on the hub is looked for in this machine's cache of it; nobody is asked for it.

    Args:
        engine: of the model.

    Raises:
        ResourceMissingError: a folder that does not exist.
        ValidationError: a file of weights is damaged.
    """
    if engine.kind == "fake":
        return 0
    model = Path(resolve_model(engine.model))
    folders = [model if model.is_dir() else _cached(engine.model, engine.revision)]
    if engine.lora:
        folders.append(Path(engine.lora).expanduser())
    # A part of a model alone would be told as the size of the whole.
    whole = [folder for folder in folders if folder and not missing_weights(folder)]
    return sum(map(_of_folder, whole)) if len(whole) == len(folders) else 0


def _cached(model: str, revision: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        config = try_to_load_from_cache(model, _CONFIG, revision=revision)
    except HFValidationError:  # no name that a hub could have
        return None
    return Path(config).parent if isinstance(config, str) else None


def _of_folder(folder: Path) -> int:
    files = [file for file in model_files(folder) if file.suffix == ".safetensors"]
    return sum(_of_file(file) for file in files)


def _of_file(file: Path) -> int:
    """The header is JSON behind its length: name → dtype, shape, offsets (safetensors' format)."""
    with file.open("rb") as weights:
        length = int.from_bytes(weights.read(_LENGTH_BYTES), "little")
        data = weights.read(length) if length <= _MOST_HEADER_BYTES else b""
    try:
        header = json.loads(data)
        return sum(math.prod(t["shape"]) for name, t in header.items() if name != "__metadata__")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValidationError(f"{file} is no whole safetensors file; fetch it again") from error
