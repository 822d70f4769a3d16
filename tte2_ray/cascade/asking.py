"""What an engine said to one request, or why it said nothing."""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tte2_ray.cascade.ledger import NOTHING, Spent
from tte2_ray.ecr import THINK_CLOSE, THINK_OPEN, parse_ecr, plain

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[T]):
    """Of one request."""

    answer: T | None
    """None where it was refused, or where nothing could be made of what was written."""
    spent: Spent = NOTHING
    refused: str = ""
    """Class of the error; "" for none."""
    earlier: bool = False
    """See `once.Answered.earlier`."""


async def together(requests: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The answers to requests that are in flight at once; where one raises, the others end.

    Args:
        requests: of one query.
    """
    tasks = [asyncio.ensure_future(request) for request in requests]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def told(ecr: str) -> str:
    """An ECR as it is read beside a query: without marks, and nothing twice.

    An overrun that was closed has its thinking for a statement as well; told twice, it would cost
    more than the count that is stored with it.

    >>> told("<think>a red star</think>picture of a star")
    'a red star. picture of a star'
    >>> told("<think>a red star</think>a red star")
    'a red star'
    """
    parsed = parse_ecr(ecr)
    return parsed.statement if parsed.think == parsed.statement else plain(ecr)


def readable(ecr: str) -> bool:
    """Whether an ECR can be taken apart: one that opens its thinking again and again cannot."""
    words = told(ecr)
    return bool(words) and THINK_OPEN not in words and THINK_CLOSE not in words
