"""Engines without a model, for trying scale and faults. Nothing measured on them is quality."""

import asyncio
import hashlib
import math

from tte2_ray.engines.config import EmbedderConfig, EngineConfig, ReasonerConfig
from tte2_ray.engines.protocols import Embedded, ModelInput, Reasoned
from tte2_ray.errors import RowError, RowErrorClass, RuntimeFailure
from tte2_ray.prompts import embed_suffix

VISUAL_TOKENS = 36
"""What a fake engine counts for each picture or frame."""


def _digest(given: ModelInput, more: str = "") -> bytes:
    digest = hashlib.sha256(f"{given.text}\0{more}".encode())
    for image in given.images:
        digest.update(image.tobytes())
    if given.video is not None:
        digest.update(given.video.frames.tobytes())
    return digest.digest()


def _visual_tokens(given: ModelInput) -> int:
    frames = len(given.video.frames) if given.video is not None else 0
    return VISUAL_TOKENS * (len(given.images) + frames)


class _FakeEngine:
    """How a fake engine takes its time, refuses and dies, as a real one does."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._requests = 0

    async def serve(self, tokens: int) -> int:
        """Takes a prompt; its tokens.

        Raises:
            RowError: a context was set, and is too short for it.
            RuntimeFailure: the engine is dead.
        """
        self._requests += 1
        if 0 < self._config.fake_dies_after < self._requests:
            raise RuntimeFailure(f"the fake engine died after {self._config.fake_dies_after}")
        if self._config.fake_delay_s:
            await asyncio.sleep(self._config.fake_delay_s)
        if 0 < self._config.max_model_len < tokens:
            message = f"{tokens} tokens, longer than the context of {self._config.max_model_len}"
            raise RowError(RowErrorClass.CONTEXT_OVERFLOW, message)
        return tokens


class FakeReasoner:
    """A `Reasoner` that writes a hash of what it was shown: the same for the same input."""

    def __init__(self, config: ReasonerConfig) -> None:
        self._engine = _FakeEngine(config.engine)
        self._max_tokens = config.sampling.max_tokens

    async def reason(self, given: ModelInput) -> Reasoned:
        """See `Reasoner.reason`."""
        digest = _digest(given).hex()
        visual = _visual_tokens(given)
        return Reasoned(
            text=f"<think>{digest[:16]}</think>{digest[16:32]}",
            truncated=False,
            prompt_tokens=await self._engine.serve(visual + len(given.text.split()) + 8),
            visual_tokens=visual,
            output_tokens=min(8, self._max_tokens),
        )

    def close(self) -> None:
        """Nothing to end."""


class FakeEmbedder:
    """An `Embedder` whose vectors are a hash of input and ECR: equal inputs alone lie together."""

    def __init__(self, config: EmbedderConfig) -> None:
        self.dimension = config.dimension or config.engine.fake_dimension
        self._engine = _FakeEngine(config.engine)

    async def embed(self, given: ModelInput, ecr: str) -> Embedded:
        """See `Embedder.embed`."""
        suffix = embed_suffix(ecr)
        noise = hashlib.shake_256(_digest(given, suffix)).digest(self.dimension)
        values = [byte - 127.5 for byte in noise]
        norm = math.sqrt(sum(v * v for v in values))
        visual = _visual_tokens(given)
        words = len(given.text.split()) + len(suffix.split())
        return Embedded(
            vector=[v / norm for v in values],
            prompt_tokens=await self._engine.serve(visual + words + 8),
            visual_tokens=visual,
        )

    def close(self) -> None:
        """Nothing to end."""
