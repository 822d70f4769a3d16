"""What a budget buys, told before anything is spent.

    rewrites   ▲  the last that is bought, the first that falls away
    judgements │  the first two, then one more each
    nothing    │  retrieval order

A plan is made of prices, which are upper bounds; what requests do not use buys more than planned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from tte2_ray.cascade.reranked import Step

LEAST_JUDGED = 2
"""One judged candidate alone changes no order."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a policy asks for."""

    judge: int
    """Candidates, from the first; 0 or at least `LEAST_JUDGED`."""
    rewrite: int
    """At most so many of those."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is sure to be done of that."""

    judge: int
    rewrite: int
    step: Step
    tokens: int
    """The most that it costs."""


def rung(*, judged: bool, all_judgements: bool, all_rewrites: bool) -> Step:
    """The step of the ladder.

    Args:
        judged: whether any candidate was, or none had to be. Where the budget had enough for all
            and every one was refused, it was not the budget that left the retrieved order.
        all_judgements: whether the budget had enough for those that were wanted.
        all_rewrites: likewise.
    """
    if not (judged or all_judgements):
        return "retrieval_order"
    if not all_judgements:
        return "fewer_judgements"
    return "full" if all_rewrites else "fewer_rewrites"


def ladder(judgements: Sequence[int], rewrites: Sequence[int], wanted: Wanted) -> tuple[int, ...]:
    """What each step up costs, all below it included: two judged, three, …, one rewritten, ….

    Args:
        judgements: prices in retrieval order.
        rewrites: prices, judging them included, in the same order. Which of them are rewritten is
            not known yet, so the dearest count.
        wanted: how far up it goes.

    >>> ladder([10, 20, 30], [7, 9, 8], Wanted(judge=3, rewrite=2))
    (30, 60, 69, 77)
    """
    steps = list(accumulate(judgements[: wanted.judge]))[LEAST_JUDGED - 1 :]
    if not steps:
        return ()
    dearest = sorted(rewrites[: wanted.judge], reverse=True)[: wanted.rewrite]
    return (*steps, *(steps[-1] + cost for cost in accumulate(dearest)))


def plan(steps: Sequence[int], wanted: Wanted, most: int | None) -> Plan:
    """What a budget is sure to buy.

    Args:
        steps: from `ladder`.
        wanted: what they lead to.
        most: the budget in tokens; None for no bound.

    >>> plan((30, 60, 69, 77), Wanted(judge=3, rewrite=2), 70)
    Plan(judge=3, rewrite=1, step='fewer_rewrites', tokens=69)
    >>> plan((30, 60, 69, 77), Wanted(judge=3, rewrite=2), 29).step
    'retrieval_order'
    """
    bought = sum(most is None or cost <= most for cost in steps)
    for_judging = max(0, min(wanted.judge, len(steps) + LEAST_JUDGED - 1) - LEAST_JUDGED + 1)
    judge = min(bought, for_judging) + LEAST_JUDGED - 1 if bought else 0
    rewrite = max(0, bought - for_judging)
    return Plan(
        judge=judge,
        rewrite=rewrite,
        step=rung(
            judged=bool(bought) or not steps,
            all_judgements=bought >= for_judging,
            all_rewrites=bought == len(steps),
        ),
        tokens=steps[bought - 1] if bought else 0,
    )
