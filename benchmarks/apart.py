"""A judge in a process of its own, asked there as a worker of the job asks it."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, TypeVar

from tte2_ray.cascade import (
    Asked,
    BudgetConfig,
    Candidate,
    Cascade,
    CascadeConfig,
    KeptInMemory,
    Reranked,
    rerank_many,
)
from tte2_ray.cascade.asking import told
from tte2_ray.cascade.many import Retrieved
from tte2_ray.engines import Judge, JudgeConfig, Judged, ModelInput, build_judge
from tte2_ray.engines.vllm import VllmJudge
from tte2_ray.media import DecodedItem, MediaLimits, decode_item
from tte2_ray.schema import Item
from tte2_ray.stages.in_flight import queries_in_flight

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class RerankedRound:
    """What the cascade made of the queries of a round."""

    seconds: float
    reranked: tuple[Reranked, ...]

    @property
    def scores(self) -> list[float]:
        """Of every pair, in retrieval order."""
        return [
            judgement.score if judgement.score is not None else float("nan")
            for answer in self.reranked
            for judgement in sorted(answer.judgements, key=lambda each: each.candidate.rank)
        ]


@dataclass(frozen=True, kw_only=True)
class JudgedRound:
    """What a judge said of pairs, in their order."""

    seconds: float
    judged: tuple[Judged, ...]

    @property
    def hit_rate(self) -> float:
        """Tokens that the prefix cache held, of all that were read."""
        read = sum(each.prompt_tokens for each in self.judged)
        return sum(each.cached_tokens for each in self.judged) / read


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Candidates to be looked at."""

    items: Mapping[str, Item]
    """By id."""
    limits: MediaLimits

    @asynccontextmanager
    async def show(self, candidate: Candidate) -> AsyncIterator[DecodedItem]:
        """See `cascade.Shown`; nothing is bounded, for rounds are small."""
        yield await asyncio.to_thread(decode_item, self.items[candidate.item_id], self.limits)


class JudgeApart:
    """A judge in another process.

    Args:
        pool: of one process, where the engine is up or starting.
    """

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def rerank(
        self, retrieved: Sequence[Retrieved], config: CascadeConfig, seen: Seen | None = None
    ) -> RerankedRound:
        """The cascade over some queries, without a budget."""
        return self._pool.submit(_rerank, retrieved, config, seen).result()

    def judge(self, retrieved: Sequence[Retrieved], *, by_candidate: bool) -> JudgedRound:
        """Judges every pair, with an empty prefix cache to begin with.

        Args:
            retrieved: queries with their candidates.
            by_candidate: all queries of one candidate, then all of the next; else all candidates of
                one query, then all of the next, as the cascade asks.
        """
        return self._pool.submit(_judge, retrieved, by_candidate).result()


@contextmanager
def judge_apart(config: JudgeConfig) -> Iterator[JudgeApart]:
    """Starts one; who asks it first waits for it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        started = pool.submit(_start, config)
        try:
            yield JudgeApart(pool)
        finally:
            started.result()
            pool.submit(_stop).result()


@dataclass(frozen=True)
class _Held:
    """What a process asks a judge with, and the judge."""

    runner: asyncio.Runner
    judge: Judge
    config: JudgeConfig


_held: list[_Held] = []


def _start(config: JudgeConfig) -> None:
    runner = asyncio.Runner()

    async def start() -> Judge:
        return build_judge(config)

    _held.append(_Held(runner, runner.run(start()), config))


def _stop() -> None:
    held = _held.pop()
    held.judge.close()
    held.runner.close()


def _run(work: Coroutine[Any, Any, T]) -> tuple[float, T]:
    began = time.perf_counter()
    answer = _held[0].runner.run(work)
    return time.perf_counter() - began, answer


def _rerank(
    retrieved: Sequence[Retrieved], config: CascadeConfig, seen: Seen | None
) -> RerankedRound:
    held = _held[0]
    kept = KeptInMemory()  # the job keeps answers, too
    cascade = Cascade(config, judge=held.judge, judge_version="bench", shown=seen, kept=kept)
    in_flight = queries_in_flight(config, cascade.policy, held.config.engine)
    work = rerank_many(cascade, retrieved, BudgetConfig(), in_flight=in_flight)
    seconds, reranked = _run(work)
    return RerankedRound(seconds=seconds, reranked=tuple(reranked))


def _judge(retrieved: Sequence[Retrieved], by_candidate: bool) -> JudgedRound:
    judge = _held[0].judge
    order = asking_order(retrieved, by_candidate=by_candidate)
    pairs = pairs_of(retrieved)
    given = [
        (ModelInput(text=asked.words()), ModelInput(text=told(candidate.ecr)))
        for asked, candidate in (pairs[i] for i in order)
    ]

    async def ask() -> list[Judged]:
        return await asyncio.gather(*(judge.judge(*each) for each in given))

    if isinstance(judge, VllmJudge):  # a fake has no cache
        _run(judge.engine.reset_prefix_cache())
    seconds, said = _run(ask())
    answers = dict(zip(order, said, strict=True))
    return JudgedRound(seconds=seconds, judged=tuple(answers[i] for i in range(len(pairs))))


def pairs_of(retrieved: Sequence[Retrieved]) -> list[tuple[Asked, Candidate]]:
    """Every query with each of its candidates, as the cascade asks."""
    return [(asked, candidate) for asked, candidates in retrieved for candidate in candidates]


def asking_order(retrieved: Sequence[Retrieved], *, by_candidate: bool) -> list[int]:
    """Positions of pairs in the order in which they are asked.

    Args:
        retrieved: queries with their candidates.
        by_candidate: see `JudgeApart.judge`.
    """
    names = [candidate.item_id for _, candidate in pairs_of(retrieved)]
    order = list(range(len(names)))
    return sorted(order, key=lambda i: names[i]) if by_candidate else order
