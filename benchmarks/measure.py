"""Two sides of a ratio, round by round in one run, so that what slows one slows the other."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from tools.shown import Row

ROUNDS = 6
"""The fewest of which a median has an interval at 95 %: six give 1 - 2 * 0.5**6 = 96.9 %."""

Ours = TypeVar("Ours")
Theirs = TypeVar("Theirs")


def alternate(
    ours: Callable[[int], Ours], theirs: Callable[[int], Theirs], rounds: int = ROUNDS
) -> list[tuple[Ours, Theirs]]:
    """Runs both sides `rounds` times, one after the other, ABBA; pairs of what they returned.

    Args:
        ours: does round `n`, counted from 1.
        theirs: the same work on the other side.
        rounds: how often.
    """
    pairs = []
    for number in range(1, rounds + 1):
        if number % 2:
            mine, other = ours(number), theirs(number)
        else:
            other, mine = theirs(number), ours(number)
        pairs.append((mine, other))
    return pairs


def in_turn(sides: Mapping[str, Callable[[], float]], number: int) -> dict[str, float]:
    """Runs every side once, in another order from round to round; what each returned.

    Args:
        sides: by name.
        number: of the round, counted from 1; odd ones go forwards, even ones backwards.
    """
    order = list(sides) if number % 2 else list(sides)[::-1]
    return {name: sides[name]() for name in order}


def ratio(
    name: str, ours: Sequence[float], theirs: Sequence[float], rows: int, least: float
) -> Row:
    """The median of paired ratios of speed, as a row.

    Args:
        name: of the row.
        ours: seconds of each round.
        theirs: seconds of the same rounds on the other side.
        rows: items of a round.
        least: the target; 0 where the ratio is only stated.
    """
    ratios = [other / mine for mine, other in zip(ours, theirs, strict=True)]
    row = over_rounds(name, ratios, "ratio", rows)
    return replace(row, target=f">= {least}" if least else "", holds=row.value >= least)


def rate(name: str, seconds: Sequence[float], rows: int) -> Row:
    """The median rows a second of rounds of `rows` items, stated."""
    return over_rounds(name, [rows / each for each in seconds], "rows/s", rows)


def over_rounds(name: str, seen: Sequence[float], unit: str, rows: int) -> Row:
    """The median of rounds of `rows` items, stated; its `n` counts rounds."""
    low, high = interval(seen)
    named = f"{name}; rounds of {rows:,}"
    return Row.stated(named, statistics.median(seen), unit, len(seen), low, high)


def interval(seen: Sequence[float]) -> tuple[float, float] | tuple[None, None]:
    """A distribution-free interval of the median at 95 % or more: the k-th lowest and highest.

    It covers the median with 1 - 2 P(fewer than k of n coins show heads); k is the largest that
    still gives 95 % (David and Nagaraja, Order Statistics, 7.1). None for fewer than six.

    >>> interval([3.0, 1.0, 2.0, 6.0, 5.0, 4.0])
    (1.0, 6.0)
    >>> interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
    (2.0, 8.0)
    >>> interval([1.0] * 5)
    (None, None)
    """
    ordered, n = sorted(seen), len(seen)
    below = [sum(math.comb(n, i) for i in range(k)) / 2**n for k in range(n // 2 + 1)]
    k = max(k for k, tail in enumerate(below) if 2 * tail <= 0.05)
    return (ordered[k - 1], ordered[n - k]) if k else (None, None)
