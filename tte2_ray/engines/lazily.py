"""Engines that start with their first request: where every answer is kept, none is needed."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Generic, Protocol, TypeVar

from tte2_ray.engines.protocols import Judge, Judged, ModelInput, Reasoned, Reasoner
from tte2_ray.errors import RuntimeFailure


class _Closable(Protocol):
    def close(self) -> None: ...


Engine = TypeVar("Engine", bound=_Closable)


class _Lazily(Generic[Engine]):
    """Starts an engine once, whoever asks for it first, beside what else their loop does.

    Args:
        start: makes the engine, e.g. `partial(build_judge, config)`.
    """

    def __init__(self, start: Callable[[], Engine]) -> None:
        self._start = start
        self._lock = Lock()
        self._engine: Future[Engine] | None = None
        self._closed = False

    @property
    def started(self) -> bool:
        """Whether anything was asked yet."""
        return self._engine is not None

    async def engine(self) -> Engine:
        """The engine; an error of its start is raised to everyone who asks.

        Raises:
            RuntimeFailure: it was closed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeFailure("an engine was asked after it was closed")
            if self._engine is None:
                self._engine = Future()
                Thread(target=self._run, args=(self._engine,), daemon=True).start()
            made = self._engine
        # One who gives up waiting must not take the engine from the others.
        return await asyncio.shield(asyncio.wrap_future(made))

    def _run(self, made: "Future[Engine]") -> None:
        made.set_running_or_notify_cancel()
        try:
            made.set_result(self._start())
        except BaseException as error:  # noqa: BLE001 it is raised where the engine is awaited
            made.set_exception(error)

    def close(self) -> None:
        """Ends the engine if it was started; one that is starting is waited for."""
        with self._lock:
            made, self._closed = self._engine, True
        if made is not None and made.exception() is None:
            made.result().close()


class LazyReasoner(_Lazily[Reasoner]):
    """A `Reasoner` that starts with its first request."""

    async def reason(
        self, given: ModelInput, *, most_prompt_tokens: int = 0, most_output_tokens: int = 0
    ) -> Reasoned:
        """See `Reasoner.reason`; also raises what its start does."""
        reasoner = await self.engine()
        return await reasoner.reason(
            given, most_prompt_tokens=most_prompt_tokens, most_output_tokens=most_output_tokens
        )


class LazyJudge(_Lazily[Judge]):
    """A `Judge` that starts with its first request."""

    async def judge(
        self, query: ModelInput, candidate: ModelInput, *, most_prompt_tokens: int = 0
    ) -> Judged:
        """See `Judge.judge`; also raises what its start does."""
        judge = await self.engine()
        return await judge.judge(query, candidate, most_prompt_tokens=most_prompt_tokens)
