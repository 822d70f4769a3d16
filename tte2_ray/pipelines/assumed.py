"""How fast a model may be about which nothing is known but its size."""

import re
from pathlib import Path

from tte2_ray.engines import EngineConfig, resolve_model
from tte2_ray.engines.hub import hub_folder
from tte2_ray.engines.models import model_parameters, read_config
from tte2_ray.errors import ResourceMissingError
from tte2_ray.pipelines.rates import Rate

FLOPS_A_TOKEN = 2
"""Of each parameter of a transformer, read or written."""
# Served in full batches: round figures, an eighth of what a current data-centre GPU is sold with,
# and of a core with AVX2.
FLOPS_OF_A_GPU = 1e14
FLOPS_OF_A_CPU = 2e10
_START_S = 120.0
_UNSAID = 8_000_000_000


def assumed_rate(engine: EngineConfig, parameters: int) -> Rate:
    """Tokens a second of a replica: its FLOP a second / (2 FLOP x parameters).

    Args:
        engine: what a replica holds.
        parameters: of its model.

    >>> rate = assumed_rate(EngineConfig(num_gpus=1), 8_000_000_000)
    >>> rate.per_s, rate.basis
    (6250.0, 'assumed of 8 billion parameters, not measured')
    """
    flops = engine.num_gpus * FLOPS_OF_A_GPU or engine.num_cpus * FLOPS_OF_A_CPU
    return Rate(
        per_s=flops / (FLOPS_A_TOKEN * max(1, parameters)),
        start_s=_START_S,
        output_tokens=0.0,
        basis=f"assumed of {parameters / 1e9:.2g} billion parameters, not measured",
    )


def parameters_of(engine: EngineConfig) -> int:
    """About how many parameters a model has: by its config.json, its name, or else 8 billion."""
    try:
        folder = Path(resolve_model(engine.model))
        known = folder if folder.is_dir() else hub_folder(engine.model, engine.revision)
        counted = model_parameters(read_config(known))
    except ResourceMissingError:  # a fake engine may stand for a model that is not here
        counted = 0
    return counted or _by_name(engine.model) or _UNSAID


def _by_name(model: str) -> int:
    """
    >>> _by_name("Somebody/Thinker-VL-72B-Instruct"), _by_name("mini:reasoner")
    (72000000000, 0)
    """
    named = re.search(r"(\d+(?:\.\d+)?)B\b", model)
    return int(float(named[1]) * 1e9) if named else 0
