"""The final order: the judged by their scores, the others where the retriever had them."""

from collections.abc import Collection, Iterable, Sequence

from tte2_ray.cascade.policy import Policy
from tte2_ray.cascade.reranked import Judgement


def ordered(judgements: Iterable[Judgement]) -> tuple[Judgement, ...]:
    """Best first.

    The judged stand by their final score, ties by the retriever; behind them what was not judged,
    as it was retrieved. What was refused keeps the very place that it had: nothing is known of it
    that would move it.

    Args:
        judgements: of all candidates of a query.
    """
    by_rank = sorted(judgements, key=lambda each: each.candidate.rank)
    # sorted() keeps the order of equal ones, which is the retriever's.
    order = sorted((each for each in by_rank if each.score is not None),
                   key=lambda each: -each.final_score)  # fmt: skip
    order += [each for each in by_rank if each.score is None and not each.refused]
    for place, each in enumerate(by_rank):
        if each.score is None and each.refused:
            order.insert(place, each)
    return tuple(order)


def leaders(judgements: Sequence[Judgement], most: int, within: float) -> list[int]:
    """The judged candidates that may still be the best: those that are worth a rewrite.

    Args:
        judgements: of all candidates of a query, in retrieval order.
        most: how many at most.
        within: they lie less than this behind the best score.

    Returns:
        Positions in `judgements`, best first; none where the best is alone within that.
    """
    scores = {i: each.score for i, each in enumerate(judgements) if each.score is not None}
    if not scores or most < 1:
        return []
    best = max(scores.values())
    near = [i for i, score in scores.items() if best - score < within]
    if len(near) < 2:
        return []
    return sorted(near, key=lambda i: (-judgements[i].final_score, i))[:most]


def next_rewrites(
    judgements: Sequence[Judgement], chosen: Collection[int], most: int, policy: Policy
) -> list[int]:
    """The candidates that are rewritten next.

    Args:
        judgements: of all candidates of a query, in retrieval order, as they stand now.
        chosen: positions that were chosen before, whatever became of them.
        most: how many in all.
        policy: which of them, and how many at a time.

    Returns:
        Positions in `judgements`, best first; none where it is enough.
    """
    if chosen and not policy.rewrite_step:
        return []
    left = most - len(chosen)
    first = leaders(judgements, policy.rewrite_step or left, policy.stop_margin)
    return [i for i in first if i not in chosen][:left]


def lead(judgements: Iterable[Judgement]) -> float:
    """By how much the best score is ahead of the second; 0 where there are not two."""
    scores = sorted((j.score for j in judgements if j.score is not None), reverse=True)
    return scores[0] - scores[1] if len(scores) > 1 else 0.0
