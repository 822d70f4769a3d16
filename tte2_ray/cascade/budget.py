"""How many tokens reranking may spend, and the purse that no request gets past.

A budget bounds rewriting and judging. Each request reserves the most that it can cost before it is
sent, and settles for what it did cost: reserved and spent together never exceed the purse.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tte2_ray.config import require_at_least
from tte2_ray.errors import ConfigError, ValidationError


@dataclass(frozen=True, kw_only=True)
class BudgetConfig:
    """Tokens of rewriting and judging; at most one of the first two is set, without both there is
    no bound."""

    tokens_per_query: int | None = None
    """No query spends more. 0 leaves every query in retrieval order."""
    mean_tokens_per_query: int | None = None
    """All queries together spend no more than this times their number; those whose first stage is
    least sure of itself get more. An order then depends on the whole log. The rerank job holds it
    shard by shard: what a shard leaves is lost, and a rerun gives the same orders."""
    share_among: int = 64
    """Queries that a mean is shared among at a time, in the order of the log; what they leave is
    added to what the next get. They wait for one another, so more is slower at the ends."""

    def __post_init__(self) -> None:
        require_at_least(1, self, ("share_among",), "budget.")
        names = ("tokens_per_query", "mean_tokens_per_query")
        given = [name for name in names if getattr(self, name) is not None]
        require_at_least(0, self, given, "budget.")
        if len(given) > 1:
            raise ConfigError(
                f"budget.{names[0]} and budget.{names[1]} are both set; leave one null"
            )


class Purse:
    """What one query may spend.

    Args:
        most: tokens; None for no bound.
    """

    def __init__(self, most: int | None = None) -> None:
        if most is not None and most < 0:
            raise ConfigError(f"a budget of {most} tokens; 0 is the least")
        self.most = most
        self.spent = 0
        """Tokens that requests did cost."""
        self.reserved = 0
        """Tokens that requests in flight may still cost."""

    def affords(self, tokens: int) -> bool:
        """Whether so many tokens can be reserved now."""
        return self.most is None or self.spent + self.reserved + tokens <= self.most

    def reserve(self, most: int) -> "Reservation | None":
        """Sets tokens aside for one request; None where they are not there.

        Args:
            most: what the request can cost at most.
        """
        if not self.affords(most):
            return None
        self.reserved += most
        return Reservation(self, most)

    def reserve_first(self, prices: Sequence[int]) -> "list[Reservation]":
        """Sets tokens aside for the first of some requests, as many as there are tokens for.

        Nothing behind the first that is too dear is taken, cheap as it may be: what is judged is
        the head of an order.

        Args:
            prices: the most that each can cost.

        >>> len(Purse(10).reserve_first([4, 5, 6, 1]))
        2
        """
        held = []
        for price in prices:
            reservation = self.reserve(price)
            if reservation is None:
                break
            held.append(reservation)
        return held


class Reservation:
    """Tokens that were set aside; settled once.

    Args:
        purse: that they are of.
        most: tokens.
    """

    def __init__(self, purse: Purse, most: int) -> None:
        self._purse = purse
        self.most = most
        self._open = True

    def settle(self, actual: int = 0) -> None:
        """Charges what was spent, and gives the rest back.

        Args:
            actual: tokens; 0 for a request that was refused before it was served.

        Raises:
            ValidationError: it is more than was set aside, or was settled before. An engine that
                serves a prompt above its price breaks the promise of the budget.
        """
        if not self._open:
            raise ValidationError("a reservation was settled twice")
        self._open = False
        self._purse.reserved -= self.most
        self._purse.spent += actual
        if self._purse.most is not None and actual > self.most:
            raise ValidationError(
                f"a request spent {actual} tokens where {self.most} were set aside: the engine "
                "does not keep most_prompt_tokens or most_output_tokens"
            )
