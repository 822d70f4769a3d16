"""Choices of which none is both dearer and no better than another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce


@dataclass(frozen=True, kw_only=True)
class Point:
    """What some choices cost and bring."""

    tokens: float
    quality: float
    choices: tuple[tuple[int, int], ...]


def front(points: Iterable[Point]) -> list[Point]:
    """The points that no other one beats, cheapest first.

    >>> points = [Point(tokens=t, quality=q, choices=()) for t, q in ((2, 1), (1, 1), (3, 2))]
    >>> [point.tokens for point in front(points)]
    [1, 3]
    """
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p.tokens, -p.quality)):
        if not kept or point.quality > kept[-1].quality:
            kept.append(point)
    return kept


def joined(fronts: Iterable[Sequence[Point]]) -> list[Point]:
    """The front of all sums of one point of each front.

    Args:
        fronts: at least one.
    """
    return reduce(_sum, map(list, fronts))


def _sum(one: Sequence[Point], other: Sequence[Point]) -> list[Point]:
    return front(
        Point(tokens=a.tokens + b.tokens, quality=a.quality + b.quality,
              choices=(*a.choices, *b.choices))
        for a in one for b in other
    )  # fmt: skip
