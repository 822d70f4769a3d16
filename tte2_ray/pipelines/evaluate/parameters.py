"""How large a model is: its parameters, counted from the headers of its weights."""

import json
import math
from pathlib import Path

from tte2_ray.artifacts.model_version import model_files
from tte2_ray.engines import EngineConfig, resolve_model
from tte2_ray.errors import ValidationError

_LENGTH_BYTES = 8
_MOST_HEADER_BYTES = 100_000_000
"""As the format itself bounds it."""


def parameters(engine: EngineConfig) -> int:
    """Parameters of a model and its adapter; 0 where they are not on this machine, or of a fake.

    Args:
        engine: of the model.

    Raises:
        ValidationError: a file of weights is damaged.
    """
    if engine.kind == "fake":
        return 0
    folders = [Path(resolve_model(engine.model)), *([Path(engine.lora)] if engine.lora else [])]
    return sum(_of_folder(folder.expanduser()) for folder in folders if folder.is_dir())


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
