"""Models behind small protocols: vLLM for real, fakes for scale and faults."""

from tte2_ray.engines.build import build_embedder, build_reasoner
from tte2_ray.engines.config import EmbedderConfig, EngineConfig, ReasonerConfig, SamplingConfig
from tte2_ray.engines.models import resolve_model
from tte2_ray.engines.protocols import Embedded, Embedder, ModelInput, Reasoned, Reasoner

__all__ = [
    "Embedded",
    "Embedder",
    "EmbedderConfig",
    "EngineConfig",
    "ModelInput",
    "Reasoned",
    "Reasoner",
    "ReasonerConfig",
    "SamplingConfig",
    "build_embedder",
    "build_reasoner",
    "resolve_model",
]
