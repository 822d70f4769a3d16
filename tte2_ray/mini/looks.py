"""What the rewriter learns from: candidates of the training split, each with several queries.

A lesson is one candidate's media; its branches are looks (QAR), each with the candidate's ECR and a
query in hand. Most queries ask for detail that an ECR leaves out, and often for what is not there.
"""

import random
from typing import Final

from tte2_ray.mini.asks import (
    NOTHING_OPEN,
    Asks,
    SignAsk,
    TinyAsk,
    ask_clip,
    ask_scene,
    looked,
)
from tte2_ray.mini.hanging import mostly_open, scene_with
from tte2_ray.mini.judged import asked_of, case_query
from tte2_ray.mini.language import describe
from tte2_ray.mini.lessons import Branch, Kinds, Lesson
from tte2_ray.mini.media import see
from tte2_ray.mini.tasks import make_case, phrase
from tte2_ray.mini.truth import Clip, Scene, Split, Truth, sample_clip, sample_page, sample_scene
from tte2_ray.mini.words import COLORS, SIGNS, TINY_SHAPES
from tte2_ray.prompts import rewrite_text

_LOOKS: Final = 3
"""At one candidate, each for a query."""
_OPEN: Final = 0.8
"""Share of queries that ask for what the ECR leaves out, where that can be had."""
_PICTURES: Final = 0.6
"""Share of looks at tiny things; the others are at videos."""
_TOLD_TASKS: Final = ("composed_retrieval", "grounding", "moment_retrieval")
"""Whose queries ask for nothing that an ECR leaves out."""


def scene_look(rng: random.Random, split: Split) -> Lesson:
    """Looks at a picture: its sign, its tiny things."""
    return _looks(rng, sample_scene(rng, split), split)


def sign_look(rng: random.Random, split: Split) -> Lesson:
    """A look at a picture with a sign, which is asked for by any word."""
    scene = scene_with(lambda scene: bool(scene.sign), rng, split)
    return _any_look(rng, scene, SignAsk(word=rng.choice(SIGNS)))


def tinies_look(rng: random.Random, split: Split) -> Lesson:
    """A look at the tiny things of a picture or a video, which are asked for by any words."""
    truth = (
        scene_with(lambda scene: bool(scene.tinies), rng, split) if rng.random() < _PICTURES
        else sample_clip(rng, split, rng.choice((1, 2, 2)))
    )  # fmt: skip
    ask = TinyAsk(color=rng.choice(tuple(COLORS)), shape=rng.choice(TINY_SHAPES))
    return _any_look(rng, truth, ask)


def _any_look(rng: random.Random, truth: Scene | Clip, ask: SignAsk | TinyAsk) -> Lesson:
    """One look for a query that asks for a fine detail, of which `truth` has some other."""
    others, kind = (
        (ask_scene(rng, truth, False), "picture") if isinstance(truth, Scene)
        else (ask_clip(rng, truth, False), "video")
    )  # fmt: skip
    asks: Asks = (ask, *others)
    query = phrase(rng, kind, asks[: rng.choice((1, 2, 3))])
    branch = (rewrite_text(query, describe(truth)), looked((ask,), truth))
    return Lesson(media=see(truth, rng), branches=(branch,))


def clip_look(rng: random.Random, split: Split) -> Lesson:
    """Looks at a video: its tiny thing."""
    return _looks(rng, sample_clip(rng, split, rng.choice((1, 2, 2))), split)


def page_look(rng: random.Random, split: Split) -> Lesson:
    """Looks at a page: its later lines, its footer."""
    return _looks(rng, sample_page(rng, split), split)


def told_look(rng: random.Random, split: Split) -> Lesson:
    """A candidate for a query with media: the ECR tells all that is asked."""
    case = make_case(rng.choice(_TOLD_TASKS), rng, split, 1)
    candidate = rng.choice((case.positive, *case.negatives))
    assert candidate.truth is not None
    branch = (rewrite_text(case_query(case), candidate.ecr), NOTHING_OPEN)
    return Lesson(media=see(candidate.truth, rng, candidate.crop), branches=(branch,))


def _looks(rng: random.Random, truth: Truth, split: Split) -> Lesson:
    branches = list[Branch]()
    for _ in range(_LOOKS):
        asks, kind = mostly_open(rng, truth, lambda: asked_of(rng, truth, split), _OPEN)
        query = phrase(rng, kind, asks)
        look = looked(as_asked(asks, query), truth)
        branches.append((rewrite_text(query, describe(truth)), look))
    return Lesson(media=see(truth, rng), branches=tuple(branches))


def as_asked(asks: Asks, query: str) -> Asks:
    """The conditions in the order of the query: what a look says next is then what is asked next.

    Args:
        asks: of the query.
        query: in words.
    """
    return tuple(sorted(asks, key=lambda each: query.find(each.words)))


SMALL_PRINT: Kinds = {page_look: 4, sign_look: 3, tinies_look: 3}
LOOKS: Kinds = {
    page_look: 3,
    sign_look: 1,
    tinies_look: 1,
    scene_look: 2,
    clip_look: 2,
    told_look: 1,
}
"""What training goes through, in this order: kinds of lessons, and how many of each stand in a
process's batch. Small print is read after some hundred steps of little else, as lines of pages were
by the reasoner (`lessons.py`). Fine detail that is asked for by any words is what teaches to look:
among queries that mostly name what is there, the rewriter took to repeating them (docs/log.md)."""
LAST: Kinds = {
    sign_look: 4,
    page_look: 3,
    tinies_look: 1,
    scene_look: 1,
    clip_look: 1,
    told_look: 1,
}
"""And then signs again: where tiny things had a share as large, .40 of signs were read (n 20), of
tiny things .95."""


def look_batch(seed: int, step: int, kinds: Kinds) -> list[Lesson]:
    """The lessons of one training step; the same for the same seed, step and kinds."""
    rng = random.Random(f"looks/{seed}/{step}")
    return [make(rng, "train") for make, count in kinds.items() for _ in range(count)]
