"""Models behind small protocols: vLLM for real, fakes for scale and faults."""

from tte2_ray.engines.build import build_embedder, build_judge, build_reasoner
from tte2_ray.engines.config import (
    EmbedderConfig,
    EngineConfig,
    JudgeConfig,
    ReasonerConfig,
    SamplingConfig,
)
from tte2_ray.engines.models import resolve_model
from tte2_ray.engines.protocols import (
    Embedded,
    Embedder,
    Judge,
    Judged,
    ModelInput,
    Reasoned,
    Reasoner,
)

__all__ = [
    "Embedded",
    "Embedder",
    "EmbedderConfig",
    "EngineConfig",
    "Judge",
    "JudgeConfig",
    "Judged",
    "ModelInput",
    "Reasoned",
    "Reasoner",
    "ReasonerConfig",
    "SamplingConfig",
    "build_embedder",
    "build_judge",
    "build_reasoner",
    "resolve_model",
]
