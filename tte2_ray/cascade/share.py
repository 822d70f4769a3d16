"""A mean budget: what each of some queries may spend, set before any of them spends."""

from collections.abc import Sequence


def shares(ladders: Sequence[Sequence[int]], margins: Sequence[float], total: int) -> list[int]:
    """Tokens for each query; together at most `total`, and none that a query has no use for.

    In rounds: each query that still wants more gets what its next step costs, those first whose
    retriever is least sure of itself. So everybody's first candidates come before anybody's last,
    and clear queries, of which a policy wants little, leave the rest to the others. A query whose
    next step is too dear gets no more.

    Args:
        ladders: of each query, what each step costs, all below it included (`plan.ladder`).
        margins: of each query, by how much its first candidate leads (`policy.margin`).
        total: of all queries.

    >>> shares([(60, 90), (50,), (70, 75)], [0.3, 0.2, 0.1], 200)
    [60, 50, 75]
    >>> shares([(60, 90), (50,), (70, 75)], [0.3, 0.2, 0.1], 110)
    [0, 0, 75]
    """
    given = [0] * len(ladders)
    left = total
    waiting = sorted(range(len(ladders)), key=lambda q: (margins[q], q))
    step = 0
    while waiting:
        served = []
        for q in waiting:
            if step < len(ladders[q]) and ladders[q][step] - given[q] <= left:
                left -= ladders[q][step] - given[q]
                given[q] = ladders[q][step]
                served.append(q)
        waiting, step = served, step + 1
    return given
