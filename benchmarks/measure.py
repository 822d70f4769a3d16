"""Two sides of a ratio, round by round in one run, so that what slows one slows the other."""

import statistics
from collections.abc import Callable, Sequence
from typing import TypeVar

from tools.shown import Row

ROUNDS = 6
"""With six paired rounds, lowest to highest is a distribution-free interval of the median at
1 - 2 * 0.5**6 = 96.9 %."""

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
    middle = statistics.median(ratios)
    return Row(
        name=name,
        value=middle,
        unit="ratio",
        target=f">= {least}" if least else "",
        holds=middle >= least,
        n=rows * len(ratios),
        low=min(ratios),
        high=max(ratios),
    )


def rate(name: str, seconds: Sequence[float], rows: int) -> Row:
    """The median rows a second of rounds, stated."""
    rates = [rows / each for each in seconds]
    return stated(name, statistics.median(rates), "rows/s", rows * len(rates), rates)


def stated(name: str, value: float, unit: str, n: int = 1, seen: Sequence[float] = ()) -> Row:
    """A number without a target; `seen` are the rounds that it is the median of."""
    low, high = (min(seen), max(seen)) if len(seen) >= ROUNDS else (None, None)
    return Row(name=name, value=value, unit=unit, target="", holds=True, n=n, low=low, high=high)
