"""Shares of right attributes, with intervals."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.mini_eval.marks import Mark, marks
from benchmarks.mini_eval.world import Eval, Query
from tools.bootstrap import Estimate, ratio


def all_marks(eval_: Eval, ecrs: Mapping[str, str]) -> list[Mark]:
    """The marks of every item of the corpus."""
    return [
        mark
        for turn in eval_.items
        for mark in marks(turn.name, eval_.truth[turn.name], ecrs[turn.name])
    ]


def accuracy(found: Iterable[Mark]) -> Estimate:
    """Right attributes over all attributes, cases resampled."""
    parts: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for mark in found:
        parts[mark.case][0] += mark.right
        parts[mark.case][1] += 1
    return ratio({case: (right, total) for case, (right, total) in parts.items()})


def exact(queries: Sequence[Query], truth: Mapping[str, str], ecrs: Mapping[str, str]) -> float:
    """The share of queries whose ECR is the true one, word for word."""
    names = [query.turn.name for query in queries]
    return sum(ecrs[name] == truth[name] for name in names) / len(names)


def confusions(found: Iterable[Mark]) -> Counter[tuple[str, str, str]]:
    """How often which attribute was said to be what instead; not what is missing or invented."""
    return Counter(
        (m.attribute, m.truth, m.said) for m in found if not m.right and m.truth and m.said
    )
