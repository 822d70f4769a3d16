"""What the rewriter learns from: candidates of the training split, each with several queries.

A lesson is one candidate's media; its branches are looks (QAR), each with the candidate's ECR and a
query in hand. Most queries ask for detail that an ECR leaves out, and often for what is not there.
"""

import random
from typing import Final

from tte2_ray.mini.asks import NOTHING_OPEN, Asks, SignAsk, ask_scene, looked
from tte2_ray.mini.judged import asked_of, case_query, mostly_open
from tte2_ray.mini.language import describe
from tte2_ray.mini.lessons import Branch, Kinds, Lesson
from tte2_ray.mini.media import see
from tte2_ray.mini.tasks import make_case, phrase
from tte2_ray.mini.truth import Split, Truth, sample_clip, sample_page, sample_scene
from tte2_ray.mini.words import SIGNS
from tte2_ray.prompts import rewrite_text

_LOOKS: Final = 3
"""At one candidate, each for a query."""
_OPEN: Final = 0.8
"""Share of queries that ask for what the ECR leaves out, where that can be had."""
_TOLD_TASKS: Final = ("composed_retrieval", "grounding", "moment_retrieval")
"""Whose queries ask for nothing that an ECR leaves out."""


def scene_look(rng: random.Random, split: Split) -> Lesson:
    """Looks at a picture: its sign, its tiny things."""
    return _looks(rng, sample_scene(rng, split), split)


def sign_look(rng: random.Random, split: Split) -> Lesson:
    """One look at a picture with a sign: what it says."""
    scene = sample_scene(rng, split)
    while not scene.sign:
        scene = sample_scene(rng, split)
    asks = (SignAsk(word=rng.choice(SIGNS)), *ask_scene(rng, scene, False))
    query = phrase(rng, "picture", asks[: rng.choice((1, 2, 3))])
    branch = (rewrite_text(query, describe(scene)), looked(asks[:1], scene))
    return Lesson(media=see(scene, rng), branches=(branch,))


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


SMALL_PRINT: Kinds = {page_look: 5, sign_look: 5}
LOOKS: Kinds = {page_look: 3, sign_look: 2, scene_look: 2, clip_look: 2, told_look: 1}
"""What training goes through, in this order: kinds of lessons, and how many of each stand in a
process's batch. Small print is read after some hundred steps of little else, as lines of pages were
by the reasoner (`lessons.py`)."""


def look_batch(seed: int, step: int, kinds: Kinds) -> list[Lesson]:
    """The lessons of one training step; the same for the same seed, step and kinds."""
    rng = random.Random(f"looks/{seed}/{step}")
    return [make(rng, "train") for make, count in kinds.items() for _ in range(count)]
