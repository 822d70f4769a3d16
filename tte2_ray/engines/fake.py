"""Engines without a model, for trying scale and faults. Nothing measured on them is quality."""

import asyncio
import hashlib
import math

from tte2_ray.engines.config import EmbedderConfig, EngineConfig, JudgeConfig, ReasonerConfig
from tte2_ray.engines.price import refuse_above_price
from tte2_ray.engines.protocols import Embedded, Judged, ModelInput, Reasoned
from tte2_ray.errors import OutOfMemory, RowError, RowErrorClass, RuntimeFailure
from tte2_ray.prompts import embed_suffix

VISUAL_TOKENS = 36
"""What a fake engine counts for each picture or frame."""
TEMPLATE_TOKENS = 8
"""What it counts for the turns around the words, which are a token each."""
ECR_TOKENS = 8
"""Length of what a fake reasoner writes."""


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


def _words(text: str) -> int:
    return len(text.split())


class _FakeEngine:
    """How a fake engine takes its time, refuses and dies, as a real one does."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._requests = 0
        self._at_once = 0
        self._out_of_memory = False

    async def serve(self, tokens: int, most: int = 0) -> int:
        """Takes a prompt; its tokens.

        Raises:
            RowError: it has more tokens than `most`, where that is above 0; or a context was set,
                and is too short for it.
            OutOfMemory: more requests are at work than its memory holds, of this or of others.
            RuntimeFailure: the engine is dead.
        """
        refuse_above_price(tokens, most)
        self._requests += 1
        if 0 < self._config.fake_dies_after < self._requests:
            raise RuntimeFailure(f"the fake engine died after {self._config.fake_dies_after}")
        await self._take_time()
        if 0 < self._config.max_model_len < tokens:
            message = f"{tokens} tokens, longer than the context of {self._config.max_model_len}"
            raise RowError(RowErrorClass.CONTEXT_OVERFLOW, message)
        return tokens

    async def _take_time(self) -> None:
        """Beside at most `max_in_flight` others: of more, a real engine has the rest wait."""
        self._at_once += 1
        memory, at_work = self._config.fake_memory_requests, self._config.max_in_flight
        try:
            if 0 < memory < min(self._at_once, at_work):
                self._out_of_memory = True
            if self._config.fake_delay_s and not self._out_of_memory:
                await asyncio.sleep(self._config.fake_delay_s)
            if self._out_of_memory:
                raise OutOfMemory(f"the fake engine died: out of memory, which holds {memory}")
        finally:
            self._at_once -= 1


class FakeReasoner:
    """A `Reasoner` that writes a hash of what it was shown: the same for the same input."""

    def __init__(self, config: ReasonerConfig) -> None:
        self._engine = _FakeEngine(config.engine)
        self._max_tokens = config.sampling.max_tokens

    async def reason(
        self, given: ModelInput, *, most_prompt_tokens: int = 0, most_output_tokens: int = 0
    ) -> Reasoned:
        """See `Reasoner.reason`."""
        digest, visual = _digest(given).hex(), _visual_tokens(given)
        prompt = visual + _words(given.text) + TEMPLATE_TOKENS
        prompt_tokens = await self._engine.serve(prompt, most_prompt_tokens)
        written = min(ECR_TOKENS, self._max_tokens, most_output_tokens or ECR_TOKENS)
        truncated = written < ECR_TOKENS
        whole = f"<think>{digest[:16]}</think>{digest[16:32]}"
        return Reasoned(
            text=f"<think>{digest[: 2 * written]}" if truncated else whole,
            truncated=truncated,
            prompt_tokens=prompt_tokens,
            visual_tokens=visual,
            output_tokens=written,
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
        words = _words(given.text) + _words(suffix)
        return Embedded(
            vector=[v / norm for v in values],
            prompt_tokens=await self._engine.serve(visual + words + TEMPLATE_TOKENS),
            visual_tokens=visual,
        )

    def close(self) -> None:
        """Nothing to end."""


class FakeJudge:
    """A `Judge` that counts how many of a query's words a candidate has.

    A hash of the pair decides between candidates that have as many; pixels count by it alone.
    """

    def __init__(self, config: JudgeConfig) -> None:
        self._engine = _FakeEngine(config.engine)
        self._config = config

    async def judge(
        self, query: ModelInput, candidate: ModelInput, *, most_prompt_tokens: int = 0
    ) -> Judged:
        """See `Judge.judge`."""
        shown = [candidate] if self._config.form == "plain" else [query, candidate]
        visual = sum(map(_visual_tokens, shown))
        words = sum(map(_words, (query.text, candidate.text, self._config.instruction)))
        tokens = visual + words + TEMPLATE_TOKENS
        wanted, found = set(query.text.lower().split()), set(candidate.text.lower().split())
        shared = len(wanted & found) / max(1, len(wanted))
        tie = _digest(candidate, query.text)[0] / 255
        return Judged(
            score=0.99 * shared + 0.01 * tie,
            prompt_tokens=await self._engine.serve(tokens, most_prompt_tokens),
            visual_tokens=visual,
        )

    def close(self) -> None:
        """Nothing to end."""
