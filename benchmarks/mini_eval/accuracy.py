"""Shares of right attributes, and of asks that were rightly answered, with intervals."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from benchmarks.mini_eval.looks import Asked, Look
from benchmarks.mini_eval.marks import Mark, marks
from benchmarks.mini_eval.slots import KINDS, Kind
from benchmarks.mini_eval.world import Eval
from tte2_ray.ecr import parse_ecr
from tte2_ray.metrics.intervals import Estimate, ratio
from tte2_ray.mini.tasks import TASKS


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


def reported(rewritten: str) -> dict[str, str]:
    """What a rewritten ECR says that each ask meets, by the words of the ask.

    >>> reported("<think>red star: red plain ring top; sign cafe: no sign</think>picture no sign")
    {'red star': 'red plain ring top', 'sign cafe': 'no sign'}
    """
    found: dict[str, str] = {}
    for clause in parse_ecr(rewritten).think.split("; "):
        words, _, met = clause.partition(": ")
        found.setdefault(words, met)
    return found


def met(asked: Iterable[tuple[Look, Asked]], ecrs: Mapping[str, str]) -> Estimate:
    """Asks of which exactly what is true is reported over all asks, looks resampled.

    Args:
        asked: asks, and the looks that they belong to.
        ecrs: the rewritten ones, by name of the look.
    """
    parts: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for look, one in asked:
        name = look.turn.name
        parts[name][0] += reported(ecrs[name]).get(one.words) == one.true
        parts[name][1] += 1
    return ratio({name: (right, total) for name, (right, total) in parts.items()})


def of_kind(found: Iterable[Mark], kind: Kind) -> set[str]:
    """The ids of the items of a kind."""
    return {mark.item_id for mark in found if mark.kind == kind}


def word_for_word(
    eval_: Eval, ecrs: Mapping[str, str], found: Collection[Mark]
) -> dict[str, tuple[float, int]]:
    """Shares of ECRs that are the true ones, and of how many; of items by kind and of queries by
    task. There is no interval: the near-misses of a query are no independent trials."""
    named: dict[str, Collection[str]] = {f"{kind}s": of_kind(found, kind) for kind in KINDS}
    for task in TASKS:
        own = [query.turn.name for query in eval_.queries if query.task == task]
        named[f"queries of {task}"] = own
    return {
        what: (sum(ecrs[name] == eval_.truth[name] for name in names) / len(names), len(names))
        for what, names in named.items()
        if names
    }


def confusions(found: Iterable[Mark]) -> Counter[tuple[str, str, str]]:
    """How often which attribute was said to be what instead; not what is missing or invented."""
    return Counter(
        (m.attribute, m.truth, m.said) for m in found if not m.right and m.truth and m.said
    )
