"""From a configuration to an engine."""

from tte2_ray.engines.config import EmbedderConfig, JudgeConfig, ReasonerConfig
from tte2_ray.engines.protocols import Embedder, Judge, Reasoner


def build_reasoner(config: ReasonerConfig) -> Reasoner:
    """Starts the reasoner that `config` names.

    Raises:
        PrerequisiteError: its engine does not start.
        ResourceMissingError: its model does not exist.
    """
    if config.engine.kind == "fake":
        from tte2_ray.engines.fake import FakeReasoner

        return FakeReasoner(config)
    from tte2_ray.engines.vllm import VllmReasoner

    return VllmReasoner(config)


def build_embedder(config: EmbedderConfig) -> Embedder:
    """Starts the embedder that `config` names.

    Raises:
        PrerequisiteError: its engine does not start.
        ResourceMissingError: its model does not exist.
    """
    if config.engine.kind == "fake":
        from tte2_ray.engines.fake import FakeEmbedder

        return FakeEmbedder(config)
    from tte2_ray.engines.vllm import VllmEmbedder

    return VllmEmbedder(config)


def build_judge(config: JudgeConfig) -> Judge:
    """Starts the judge that `config` names.

    Raises:
        PrerequisiteError: its engine does not start.
        ResourceMissingError: its model does not exist.
    """
    if config.engine.kind == "fake":
        from tte2_ray.engines.fake import FakeJudge

        return FakeJudge(config)
    from tte2_ray.engines.vllm import VllmJudge

    return VllmJudge(config)
