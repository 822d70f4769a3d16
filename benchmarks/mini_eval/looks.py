"""Looks at items with a query in hand (QAR): how each is put, and what a perfect one reports.

They are put as the reasoner learned them (`tte2_ray.mini.lessons.sample_look`), each item with
its media and without, for a query that it, or something like it, answers. With the media every
other ECR that is given errs.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.mini_eval.slots import Kind
from benchmarks.mini_eval.world import Eval, Turn
from tte2_ray.mini.asks import Ask
from tte2_ray.mini.lessons import sample_look
from tte2_ray.mini.truth import Split, Truth
from tte2_ray.mini.world import candidates_of
from tte2_ray.schema import Item

EACH: Final = 67
"""Items of a kind that are looked at, at most."""
TASK_OF: Final[Mapping[Kind, str]] = {
    "picture": "image_retrieval",
    "video": "video_retrieval",
    "page": "visdoc_retrieval",
}
"""Whose answers are looked at: one item a query, since near-misses share most of what they show."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One ask of a query, and what it meets."""

    words: str
    true: str
    """What a perfect look reports: what is seen; without the media what the ECR tells."""
    fine: bool
    """A short ECR leaves it out."""
    misled: bool
    """The ECR that is given tells otherwise."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at an item."""

    turn: Turn
    kind: Kind
    sees: bool
    """The item's media, beside the ECR."""
    asked: tuple[Asked, ...]


def looks_at(eval_: Eval, seed: int, split: Split, queries: int, each: int = EACH) -> list[Look]:
    """Looks at items of a world, each with media and without.

    Args:
        eval_: the world.
        seed: of the world.
        split: of the world.
        queries: of each task of the world.
        each: items of a kind, at most.
    """
    items = {turn.name: turn.item for turn in eval_.items}
    found = []
    for kind, task in TASK_OF.items():
        for number in range(min(each, queries)):
            name, truth = _answer(task, seed, split, number)
            for sees in (True, False):
                # A stream of their own: the queries of the world ask for something else.
                rng = random.Random(f"looks/{seed}/{name}/{sees}")
                found.append(look(rng, kind, items[name], truth, split, sees))
    return found


def look(
    rng: random.Random, kind: Kind, item: Item, truth: Truth, split: Split, sees: bool
) -> Look:
    """A look at an item.

    Args:
        rng: of the look.
        kind: of item.
        item: as it stands in the corpus.
        truth: of the item.
        split: of the world.
        sees: the media; else the ECR is right, and all that is known.
    """
    sampled = sample_look(rng, truth, split, sees)
    text = sampled.text
    name = f"look-{'with' if sees else 'without'}-{item.item_id}"
    shown = replace(item, item_id=name, text=text) if sees else Item(item_id=name, text=text)
    met = tuple(_asked(one, truth, sampled.written, sees) for one in sampled.asks)
    return Look(turn=Turn(item=shown, whole=True), kind=kind, sees=sees, asked=met)


def _asked(one: Ask, truth: Truth, written: Truth, sees: bool) -> Asked:
    true = one.seen(truth) if sees else one.told(truth)
    misled = one.told(written) != one.told(truth)
    return Asked(words=one.words, true=true, fine=one.fine, misled=misled)


def _answer(task: str, seed: int, split: Split, number: int) -> tuple[str, Truth]:
    """The id and the truth of the item that answers a query; the files of a world tell no truth."""
    sampled = candidates_of(task, seed, split, number)
    for name, candidate in sampled.candidates.items():
        if candidate is sampled.case.positive and candidate.truth is not None:
            return name, candidate.truth
    raise AssertionError(f"no item answers query {number} of {task}")
