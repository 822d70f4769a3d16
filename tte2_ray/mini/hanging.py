"""Queries that hang on what their candidate's ECR leaves open, and what a look at it says."""

import random
from collections.abc import Callable
from typing import Final

from tte2_ray.ecr import completed, plain
from tte2_ray.mini.asks import Asks, SignAsk, all_hold, ask_scene, has_fine, is_open, looked
from tte2_ray.mini.garbled import garbled
from tte2_ray.mini.judged import QUERIES, SAMPLERS, behind, opening_of, verdict
from tte2_ray.mini.language import describe
from tte2_ray.mini.lessons import Branch, Lesson, ask
from tte2_ray.mini.marks import marked_look
from tte2_ray.mini.truth import Scene, Split, Truth, sample_scene
from tte2_ray.prompts import judge_text

_TRIES: Final = 6
"""For a query that leaves something open: not every item has anything of that kind."""


def looked_lesson(rng: random.Random, split: Split) -> Lesson:
    """A candidate's ECR completed by a look, and queries that mostly hang on what that says."""
    truth = rng.choice(SAMPLERS)(rng, split)
    if isinstance(truth, Scene) and not has_fine(truth):
        truth = scene_with(has_fine, rng, split)
    return _hanging_lesson(rng, truth, lambda: ask(rng, truth))


def sign_lesson(rng: random.Random, split: Split) -> Lesson:
    """The same of a picture with a sign, which all queries ask for."""
    scene = scene_with(lambda scene: bool(scene.sign), rng, split)
    sign = SignAsk(word=scene.sign)
    return _hanging_lesson(rng, scene, lambda: ((*ask_scene(rng, scene, False), sign), "picture"))


def _hanging_lesson(
    rng: random.Random, truth: Truth, draw: Callable[[], tuple[Asks, str]]
) -> Lesson:
    queries = [_hanging(rng, truth, draw) for _ in range(QUERIES)]
    words = completed(plain(describe(truth)), looked(sum((a for a, _ in queries), ()), truth))
    opening, branches = opening_of(words), list[Branch]()
    for asks, kind in queries:
        _, marked = marked_look(rng, truth, asks, kind)
        text = behind(opening, judge_text(marked, words))
        branches.append((text, verdict(all_hold(asks, truth))))
    return Lesson(media=None, branches=tuple(branches), opening=opening)


def _hanging(
    rng: random.Random, truth: Truth, draw: Callable[[], tuple[Asks, str]]
) -> tuple[Asks, str]:
    """A query that `truth` answers; or all but what its ECR leaves open; or all but anything."""
    asks, kind = mostly_open(rng, truth, draw, 1)
    dice = rng.random()
    if dice < 0.35:
        return asks, kind
    fails = [i for i, each in enumerate(asks) if is_open(each, truth)] if dice < 0.75 else []
    at = rng.choice(fails or range(len(asks)))
    return (*asks[:at], garbled(rng, asks[at], truth), *asks[at + 1 :]), kind


def mostly_open(
    rng: random.Random, truth: Truth, draw: Callable[[], tuple[Asks, str]], share: float
) -> tuple[Asks, str]:
    """A query; mostly one that leaves something open.

    Args:
        rng: of the lesson.
        truth: of the candidate.
        draw: makes a query.
        share: of queries for which a few more are drawn until one does.
    """
    asks, kind = draw()
    for _ in range(_TRIES if rng.random() < share else 0):
        if any(is_open(each, truth) for each in asks):
            break
        asks, kind = draw()
    return asks, kind


def scene_with(has: Callable[[Scene], bool], rng: random.Random, split: Split) -> Scene:
    """A picture that has something.

    Args:
        has: tells whether a picture does.
        rng: of the lesson.
        split: of the lesson.
    """
    while not has(scene := sample_scene(rng, split)):
        pass
    return scene
