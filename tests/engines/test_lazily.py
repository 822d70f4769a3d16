"""Engines that start with their first request, tried on fakes."""

import asyncio
import time

import pytest

from tte2_ray.engines import (
    EngineConfig,
    JudgeConfig,
    ModelInput,
    ReasonerConfig,
    build_judge,
    build_reasoner,
)
from tte2_ray.engines.fake import FakeJudge
from tte2_ray.engines.lazily import LazyJudge, LazyReasoner
from tte2_ray.errors import PrerequisiteError, RowError, RuntimeFailure

CONFIG = JudgeConfig(engine=EngineConfig(kind="fake"))
STAR = ModelInput(text="a star")


class Start:
    """Starts a fake judge slowly and counts what is started and ended."""

    def __init__(self) -> None:
        self.started = self.ended = 0

    def __call__(self) -> FakeJudge:
        self.started += 1
        time.sleep(0.1)
        judge, end = FakeJudge(CONFIG), self._end
        judge.close = end  # type: ignore[method-assign]
        return judge

    def _end(self) -> None:
        self.ended += 1


def test_many_that_ask_at_once_start_one_engine() -> None:
    start = Start()
    judge = LazyJudge(start)
    assert not judge.started

    async def ask() -> float:
        found = await asyncio.gather(*(judge.judge(STAR, STAR) for _ in range(20)))
        return found[0].score

    expected = asyncio.run(build_judge(CONFIG).judge(STAR, STAR)).score
    assert asyncio.run(ask()) == expected
    assert asyncio.run(ask()) == expected, "of another loop, too"
    assert judge.started
    judge.close()
    assert (start.started, start.ended) == (1, 1)


def test_one_that_is_never_asked_is_never_started() -> None:
    start = Start()
    judge = LazyJudge(start)
    judge.close()
    assert (start.started, start.ended) == (0, 0)
    with pytest.raises(RuntimeFailure, match="after it was closed"):
        asyncio.run(judge.judge(STAR, STAR))
    assert start.started == 0


def test_a_loop_goes_on_while_an_engine_starts() -> None:
    judge = LazyJudge(Start())

    async def ask() -> int:
        asked, turns = asyncio.ensure_future(judge.judge(STAR, STAR)), 0
        while not asked.done():
            turns += 1
            await asyncio.sleep(0.01)
        return turns

    assert asyncio.run(ask()) > 3


def test_one_that_gives_up_does_not_take_the_engine_from_others() -> None:
    start = Start()
    judge = LazyJudge(start)

    async def ask() -> float:
        impatient = asyncio.ensure_future(judge.judge(STAR, STAR))
        patient = asyncio.ensure_future(judge.judge(STAR, STAR))
        await asyncio.sleep(0.02)
        impatient.cancel()
        return (await patient).score

    assert asyncio.run(ask()) > 0
    assert start.started == 1


def test_closing_waits_for_an_engine_that_is_starting() -> None:
    start = Start()
    judge = LazyJudge(start)

    async def give_up() -> None:
        asked = asyncio.ensure_future(judge.judge(STAR, STAR))
        await asyncio.sleep(0.02)
        asked.cancel()

    asyncio.run(give_up())
    judge.close()
    assert (start.started, start.ended) == (1, 1)


def test_an_engine_that_does_not_start_says_so_to_everyone_and_is_tried_once() -> None:
    tried: list[int] = []

    def fail() -> FakeJudge:
        tried.append(1)
        raise PrerequisiteError("the engine of x does not start")

    judge = LazyJudge(fail)

    async def ask() -> list[object]:
        pairs = (judge.judge(STAR, STAR) for _ in range(3))
        return list(await asyncio.gather(*pairs, return_exceptions=True))

    assert [type(error) for error in asyncio.run(ask())] == [PrerequisiteError] * 3
    assert len(tried) == 1
    judge.close()


def test_prices_reach_the_engine() -> None:
    reasoner = LazyReasoner(lambda: build_reasoner(ReasonerConfig(engine=CONFIG.engine)))
    assert asyncio.run(reasoner.reason(STAR, most_output_tokens=2)).output_tokens == 2
    with pytest.raises(RowError, match="were set aside"):
        asyncio.run(reasoner.reason(STAR, most_prompt_tokens=5))
    judge = LazyJudge(lambda: build_judge(CONFIG))
    with pytest.raises(RowError, match="were set aside"):
        asyncio.run(judge.judge(STAR, STAR, most_prompt_tokens=5))
