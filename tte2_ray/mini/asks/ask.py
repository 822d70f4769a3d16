"""What every ask has, and what a query of several asks means."""

from typing import Protocol

from tte2_ray.mini.language import ecr
from tte2_ray.mini.truth import Truth


class Worded(Protocol):
    """What can be put into a query."""

    @property
    def words(self) -> str:
        """The condition in words."""
        ...


class Ask(Worded, Protocol):
    """One condition on an item."""

    @property
    def fine(self) -> bool:
        """Whether a short ECR leaves out what it asks for."""
        ...

    def holds(self, truth: Truth) -> bool:
        """Whether the item answers it."""
        ...

    def seen(self, truth: Truth) -> str:
        """What the item shows in its stead."""
        ...

    def told(self, truth: Truth) -> str:
        """What the item's ECR tells in its stead; ends in `UNTOLD` where it tells nothing."""
        ...


UNTOLD = "not told"

Asks = tuple[Ask, ...]
"""A query: an item answers it when every ask holds."""


def all_hold(asks: Asks, truth: Truth) -> bool:
    """Whether the item answers the whole query."""
    return all(ask.holds(truth) for ask in asks)


def is_open(ask: Ask, truth: Truth) -> bool:
    """Whether an item's ECR leaves a condition open."""
    return ask.told(truth).endswith(UNTOLD)


def told_hold(asks: Asks, truth: Truth) -> bool:
    """Whether the item answers what its ECR tells of; what that leaves out may still fail."""
    return all(ask.holds(truth) for ask in asks if not is_open(ask, truth))


def rewritten(asks: Asks, truth: Truth, kind: str, sees: bool = True) -> str:
    """The ECR that a perfect query-aware look (QAR) writes: what each ask meets in the item.

    Args:
        asks: of the query.
        truth: of the item.
        kind: of item that the query looks for.
        sees: the media; else only the item's ECR is known.
    """
    met = [ask.seen(truth) if sees else ask.told(truth) for ask in asks]
    think = "; ".join(f"{a.words}: {m}" for a, m in zip(asks, met, strict=True))
    return ecr(think, f"{kind} {', '.join(met)}")


def agreement(*pairs: tuple[str, str]) -> int:
    """How well a thing agrees with what is asked, by pairs of wanted ("" for any) and found values.

    The second pair is the shape, which counts twice: a red star is taken for a blue star sooner
    than for a red ring.

    >>> agreement(("red", "red"), ("star", "ring"), ("", "plain"))
    1
    """
    return sum(
        1 + (i == 1) for i, (wanted, found) in enumerate(pairs) if wanted and wanted == found
    )
