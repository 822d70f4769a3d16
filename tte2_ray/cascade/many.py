"""Many queries under one budget, many of them in flight."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from tte2_ray.cascade.asked import Asked
from tte2_ray.cascade.asking import together
from tte2_ray.cascade.budget import BudgetConfig
from tte2_ray.cascade.candidate import Candidate
from tte2_ray.cascade.cascade import Cascade
from tte2_ray.cascade.policy import margin
from tte2_ray.cascade.reranked import Reranked
from tte2_ray.cascade.share import shares

Retrieved = tuple[Asked, Sequence[Candidate]]
"""A query, and what was found for it."""


async def rerank_many(
    cascade: Cascade, retrieved: Sequence[Retrieved], budget: BudgetConfig, *, in_flight: int = 64
) -> list[Reranked]:
    """The final orders of some queries, in the order of the queries.

    Under a mean budget they spend no more than the mean times their number. So parts of a log that
    do not know of each other keep the mean of the whole.

    Args:
        cascade: reranks one query.
        retrieved: the queries with their candidates; under a mean budget, which ones they are and
            their order decide what each may spend.
        budget: of the job.
        in_flight: queries at a time; changes no answer.

    Raises:
        RuntimeFailure: an engine is dead.
    """
    mean = budget.mean_tokens_per_query
    if mean is None:
        return await _rerank(
            cascade, retrieved, [budget.tokens_per_query] * len(retrieved), in_flight
        )
    answers: list[Reranked] = []
    left = 0
    for start in range(0, len(retrieved), budget.share_among):
        some = retrieved[start : start + budget.share_among]
        left += mean * len(some)
        ladders = [cascade.ladder(*each) for each in some]
        given = shares(ladders, [margin(candidates) for _, candidates in some], left)
        answered = await _rerank(cascade, some, given, in_flight)
        left -= sum(answer.spent for answer in answered)
        answers += answered
    return answers


async def _rerank(
    cascade: Cascade,
    retrieved: Sequence[Retrieved],
    most_tokens: Sequence[int | None],
    in_flight: int,
) -> list[Reranked]:
    slots = asyncio.Semaphore(in_flight)

    async def rerank(each: Retrieved, most: int | None) -> Reranked:
        async with slots:
            return replace(await cascade.rerank(*each, most), allowed=most)

    return await together(map(rerank, retrieved, most_tokens))
