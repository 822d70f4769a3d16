"""ECRs against the truth, attribute by attribute.

    accuracy = right attributes / all attributes

Things are paired one to one so that most attributes agree; events, lines and words by their place
in the order. An attribute is right where both say the same. What is missing gets every attribute
wrong, and so does what is invented: of things the denominator is that of max(true, said).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, zip_longest
from typing import Final

from benchmarks.mini_eval.slots import MEDIA, Group, Kind, Slots, kind_of, read
from tte2_ray.mini.words import is_held_out, is_held_out_page

FINE: Final = frozenset(("tiny number", "sign"))
"""Said in passing about fine detail; what is salient is everything else (mini/language.py)."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One attribute of one item."""

    item_id: str
    kind: Kind
    attribute: str
    truth: str
    """"" where the ECR invents what is not there."""
    said: str
    """"" where the ECR leaves out what is there."""
    held_out: bool | None
    """Belongs to a combination (of looks, of a page's sender) that training never saw; None where
    it belongs to no combination."""

    @property
    def right(self) -> bool:
        """Whether the ECR says what is true."""
        return self.truth == self.said

    @property
    def salient(self) -> bool:
        """Whether an ECR is meant to say it: every attribute of media but what is fine."""
        return self.kind in MEDIA and self.attribute not in FINE

    @property
    def case(self) -> str:
        """The query that brought the item into the world; its near-misses share most attributes,
        so that intervals resample cases.

        >>> Mark(item_id="grounding-00003-2", kind="close-up", attribute="color", truth="red",
        ...      said="red", held_out=False).case
        'grounding-00003'
        """
        return self.item_id.rpartition("-")[0] if self.kind in MEDIA else self.item_id


def marks(item_id: str, truth: str, said: str) -> list[Mark]:
    """Every attribute of one item.

    Args:
        item_id: of the item.
        truth: the ECR that a perfect reasoner writes.
        said: the ECR that was written.

    >>> found = marks("a-0", "<think>close up</think>close up of red plain star",
    ...               "<think>close up</think>close up of red dotted star")
    >>> [(m.attribute, m.truth, m.said) for m in found if not m.right]
    [('texture', 'plain', 'dotted')]
    """
    kind = kind_of(truth)
    return [
        Mark(item_id=item_id, kind=kind, attribute=name, truth=true.get(name, ""),
             said=spoken.get(name, ""), held_out=_held_out(true, kind))
        for true, spoken in pairs(read(truth, kind), read(said, kind))
        for name in true | spoken
    ]  # fmt: skip


def pairs(truth: Slots, said: Slots) -> list[tuple[Group, Group]]:
    """Groups of the truth beside those of the ECR; {} stands for a group that the other lacks."""
    none: Group = {}
    ordered = zip_longest(truth.ordered, said.ordered, fillvalue=none)
    whole = zip_longest(truth.whole, said.whole, fillvalue=none)
    return [*_assigned(truth.things, said.things), *ordered, *whole]


def agreement(a: Group, b: Group) -> int:
    """How many attributes are the same."""
    return sum(b.get(name) == value for name, value in a.items())


def _assigned(truth: Sequence[Group], said: Sequence[Group]) -> list[tuple[Group, Group]]:
    """The one-to-one assignment with most agreement, true things in their order, what is invented
    last; true things are four at most, so that all assignments can be tried."""
    few, many = sorted((truth, said), key=len)
    best = max(permutations(range(len(many)), len(few)), key=lambda chosen: sum(
        agreement(a, many[i]) for a, i in zip(few, chosen, strict=True)))  # fmt: skip
    if few is truth:
        paired = list(zip(truth, (said[i] for i in best), strict=True))
        return paired + [({}, s) for i, s in enumerate(said) if i not in best]
    partner = dict(zip(best, said, strict=True))
    return [(t, partner.get(i, {})) for i, t in enumerate(truth)]


def _held_out(true: Group, kind: Kind) -> bool | None:
    if kind == "page":
        return is_held_out_page(true["page kind"], true["city"]) if "city" in true else None
    if "color" not in true:
        return None  # of an event, too: an actor's look is told once, where it stands at the start
    return is_held_out(true["color"], true.get("texture", "plain"), true["shape"])
