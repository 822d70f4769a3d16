"""Engines that start anew with half as much at once, where they ran out of memory.

    OutOfMemory ─▶ what else is asked ends ─▶ close ─▶ half the room ─▶ start ─▶ ask again

The process stays, so that what was answered is kept and no restart of a worker is used up. How much
is done at once is part of no key: the answers are the same.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from tte2_ray.engines.config import EmbedderConfig, EngineConfig, JudgeConfig, ReasonerConfig
from tte2_ray.engines.protocols import (
    Embedded,
    Embedder,
    Judge,
    Judged,
    ModelInput,
    Reasoned,
    Reasoner,
)
from tte2_ray.errors import OutOfMemory, RuntimeFailure, TteError

TOKENS = "max_num_batched_tokens"
LEAST_TOKENS = 2048
"""Of a step: less starves prefill and saves no memory that counts."""


class Room:
    """How often the room of an engine was halved.

    Args:
        name: of the engine, for people: the part of the configuration that says how it is served.
        halvings: that were found necessary before.
    """

    def __init__(self, name: str, halvings: int = 0) -> None:
        self.name, self.halvings = name, halvings
        self._others: list[Callable[[], None]] = []

    def halve(self) -> None:
        """Once more; whoever holds less then, too, is told."""
        self.halvings += 1
        for other in self._others:
            other()

    def then(self, other: Callable[[], None]) -> None:
        """Has `other` called with each halving, in the loop that asks the engine."""
        self._others.append(other)


def narrowed(engine: EngineConfig, halvings: int) -> EngineConfig:
    """The same engine with less at once: requests, and tokens a step where those are set.

    Args:
        engine: as it is configured.
        halvings: how often that was too much.

    >>> engine = EngineConfig(max_in_flight=100, engine_args={"max_num_batched_tokens": 16384})
    >>> [(less.max_in_flight, less.engine_args["max_num_batched_tokens"])
    ...  for less in (narrowed(engine, n) for n in (0, 1, 3, 9))]
    [(100, 16384), (50, 8192), (12, 2048), (1, 2048)]
    """
    args = dict(engine.engine_args)
    if tokens := args.get(TOKENS):
        args[TOKENS] = min(tokens, max(tokens >> halvings, LEAST_TOKENS))
    most = max(1, engine.max_in_flight >> halvings)
    return replace(engine, max_in_flight=most, engine_args=args)


class _Closable(Protocol):
    def close(self) -> None: ...


Engine = TypeVar("Engine", bound=_Closable)
Answer = TypeVar("Answer")


class _Halving(Generic[Engine]):
    """Starts an engine, and another in its place with half the room.

    Args:
        start: an engine that is served so.
        served: as it is configured.
        room: of the engine.

    Raises:
        TteError: what `start` raises.
    """

    def __init__(
        self, start: Callable[[EngineConfig], Engine], served: EngineConfig, room: Room
    ) -> None:
        self._start, self._served, self._room = start, served, room
        self._engine = start(self._given())
        self._asked = 0
        self._changing = asyncio.Lock()
        self._quiet = asyncio.Event()

    def close(self) -> None:
        """Ends the engine that is at work."""
        self._engine.close()

    def _given(self) -> EngineConfig:
        return narrowed(self._served, self._room.halvings)

    async def _ask(self, request: Callable[[Engine], Awaitable[Answer]]) -> Answer:
        """What the engine answers, or one of its successors.

        Raises:
            RuntimeFailure: an engine died of something else, or ran out of memory over a single
                request.
        """
        while True:
            if self._changing.locked():
                async with self._changing:
                    pass
            engine = self._engine
            self._asked += 1
            try:
                return await request(engine)
            except OutOfMemory as error:
                died = error
            finally:
                self._asked -= 1
                if not self._asked:
                    self._quiet.set()
            await self._halve(engine, died)

    async def _halve(self, engine: Engine, error: OutOfMemory) -> None:
        async with self._changing:
            if self._engine is not engine:
                return  # another of its requests saw to it
            before = self._given().max_in_flight
            if before == 1:
                raise OutOfMemory(
                    f"{error}; it has a single request at once and cannot be given less: lower the "
                    f"pixels that it is shown (media) or {self._room.name}.engine.max_model_len"
                ) from error
            while self._asked:  # a survivor answers what it was asked; of a dead one all end
                self._quiet.clear()
                await self._quiet.wait()
            self._room.halve()
            less = self._given()
            _tell(f"{error}; the {self._room.name} starts again with "
                  f"max_in_flight={less.max_in_flight} instead of {before}")  # fmt: skip
            engine.close()
            try:
                self._engine = await asyncio.to_thread(self._start, less)
            except TteError as failure:
                raise RuntimeFailure(f"after {error}: {failure}") from failure


def _tell(words: str) -> None:
    """A line of the worker, which Ray hands to the driver."""
    print(f"tte2_ray: {words}", file=sys.stderr, flush=True)


class HalvingReasoner(_Halving[Reasoner]):
    """A `Reasoner` that goes on with half as much at once where memory runs out."""

    def __init__(
        self, build: Callable[[ReasonerConfig], Reasoner], config: ReasonerConfig, room: Room
    ) -> None:
        super().__init__(lambda given: build(replace(config, engine=given)), config.engine, room)

    async def reason(
        self, given: ModelInput, *, most_prompt_tokens: int = 0, most_output_tokens: int = 0
    ) -> Reasoned:
        """See `Reasoner.reason`."""
        return await self._ask(
            lambda engine: engine.reason(
                given, most_prompt_tokens=most_prompt_tokens, most_output_tokens=most_output_tokens
            )
        )


class HalvingEmbedder(_Halving[Embedder]):
    """An `Embedder` that goes on with half as much at once where memory runs out."""

    def __init__(
        self, build: Callable[[EmbedderConfig], Embedder], config: EmbedderConfig, room: Room
    ) -> None:
        super().__init__(lambda given: build(replace(config, engine=given)), config.engine, room)

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return self._engine.dimension

    async def embed(self, given: ModelInput, ecr: str) -> Embedded:
        """See `Embedder.embed`."""
        return await self._ask(lambda engine: engine.embed(given, ecr))


class HalvingJudge(_Halving[Judge]):
    """A `Judge` that goes on with half as much at once where memory runs out."""

    def __init__(
        self, build: Callable[[JudgeConfig], Judge], config: JudgeConfig, room: Room
    ) -> None:
        super().__init__(lambda given: build(replace(config, engine=given)), config.engine, room)

    async def judge(
        self, query: ModelInput, candidate: ModelInput, *, most_prompt_tokens: int = 0
    ) -> Judged:
        """See `Judge.judge`."""
        return await self._ask(
            lambda engine: engine.judge(query, candidate, most_prompt_tokens=most_prompt_tokens)
        )
