"""Queries with media as a judge reads them, by the ECR of what is wanted; several for a candidate.

The cases of the tasks bring one query for some candidates; here a candidate stands first, and
several queries want it, or all but it.
"""

import random
from typing import Final

from tte2_ray.ecr import plain
from tte2_ray.mini.asks import Asks, ThingAsk, all_hold
from tte2_ray.mini.edits import change, rearrange
from tte2_ray.mini.edits.things import restyle
from tte2_ray.mini.garbled import garbled_event
from tte2_ray.mini.judged import (
    QUERIES,
    behind,
    case_query,
    opening_of,
    told_words,
    verdict,
)
from tte2_ray.mini.language import actor, describe, ecr, event_words, look, reading_order
from tte2_ray.mini.lessons import Branch, Lesson
from tte2_ray.mini.marks import marked_scene
from tte2_ray.mini.media import see
from tte2_ray.mini.tasks import make_case
from tte2_ray.mini.truth import Clip, Scene, Split, sample_clip, sample_scene
from tte2_ray.mini.words import SHAPES, TEXTURES
from tte2_ray.prompts import judge_text, judged_query

_SAME: Final = 0.45
"""Share of queries that want the candidate itself."""
_ANSWERS: Final = 0.7
"""Share of short texts that are taken from a question which they answer: of the others that are
drawn for them, they answer few."""
_QUESTIONS: Final = 12
"""That are drawn for a short text, beside its own."""
_SEEN_QUERIES: Final = 2
"""Of one picture."""


def composed_lesson(rng: random.Random, split: Split) -> Lesson:
    """A picture's ECR; queries want a picture after a change, which is this one or nearly so."""
    found = sample_scene(rng, split)
    words = told_words(rng, describe(found))
    opening = opening_of(words)
    branches = list[Branch]()
    for _ in range(QUERIES):
        wanted = found if rng.random() < _SAME else _near(rng, found, split)
        query = judged_query(_change(rng, wanted, split), describe(wanted), True)
        text = judge_text(marked_scene(query, wanted, found), words)
        same = all_hold(things_of(wanted), found)
        branches.append((behind(opening, text), verdict(same)))
    return Lesson(media=None, branches=tuple(branches), opening=opening)


def seen_composed_lesson(rng: random.Random, split: Split) -> Lesson:
    """A picture; whether it is what such queries want."""
    found = sample_scene(rng, split)
    branches = list[Branch]()
    for _ in range(_SEEN_QUERIES):
        wanted = found
        for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
            wanted = _near(rng, wanted, split)
        query = judged_query(_change(rng, wanted, split), describe(wanted), True)
        same = all_hold(things_of(wanted), found)
        branches.append((judge_text(marked_scene(query, wanted, found), ""), verdict(same)))
    return Lesson(media=see(found, rng), branches=tuple(branches))


def things_of(scene: Scene) -> Asks:
    """All that an ECR says of the big things of a picture, as conditions."""
    return tuple(
        ThingAsk(color=thing.color, texture=thing.texture, shape=thing.shape, region=thing.region)
        for thing in reading_order(scene.things)
    )


def _near(rng: random.Random, scene: Scene, split: Split) -> Scene:
    for _ in range(20):
        edit = rearrange if rng.random() < 0.4 else change
        made = edit(rng, scene, split)
        if isinstance(made, Scene) and describe(made) != describe(scene):
            return made
    return scene


def _change(rng: random.Random, wanted: Scene, split: Split) -> str:
    """The words of a query for `wanted`: how it differs from a picture that nobody sees here."""
    if rng.random() < 0.2:
        one, other = rng.sample(list(wanted.things), 2)
        return f"the same but the {actor(one)} and the {actor(other)} swap places"
    thing, part = rng.choice(wanted.things), rng.choice(("color", "texture", "shape"))
    before = restyle(rng, thing, split, part)
    value = getattr(thing, part)
    return f"the same but the {actor(before)} is {'a ' if part == 'shape' else ''}{value}"


def moment_lesson(rng: random.Random, split: Split) -> Lesson:
    """A short video's ECR; queries want the part of a longer one in which something happens."""
    found = sample_clip(rng, split, 1)
    words, happens = told_words(rng, describe(found)), event_words(found, found.events[0])
    opening = opening_of(words)
    branches = list[Branch]()
    for _ in range(QUERIES):
        wanted = happens if rng.random() < _SAME else _other_event(rng, found, split)
        events = [wanted, _other_event(rng, found, split)]
        rng.shuffle(events)
        lead = rng.choice(("the moment when", "when", "the part where"))
        said = ecr(" then ".join(events), f"video where {wanted}")
        query = judged_query(f"{lead} {wanted}", said, True)
        text = judge_text(query, words)
        branches.append((behind(opening, text), verdict(wanted == happens)))
    return Lesson(media=None, branches=tuple(branches), opening=opening)


def _other_event(rng: random.Random, found: Clip, split: Split) -> str:
    if rng.random() < 0.6:
        return garbled_event(rng, event_words(found, found.events[0]))
    other = sample_clip(rng, split, 1)
    return event_words(other, other.events[0])


def label_lesson(rng: random.Random, split: Split) -> Lesson:
    """A label; queries are pictures whose main thing it names, or nearly so."""
    main = sample_scene(rng, split).things[0]
    label = f"{main.texture} {main.shape}"
    said = ecr("short text", label)
    opening = opening_of(plain(said))
    branches = list[Branch]()
    for _ in range(QUERIES):
        thing = rng.choice(sample_scene(rng, split).things)
        own = {"texture": thing.texture, "shape": thing.shape}
        draw = rng.random()
        if draw < 0.75:
            own["texture"] = main.texture
        if draw < _SAME or draw >= 0.75:
            own["shape"] = main.shape if draw < 0.9 else rng.choice(SHAPES)
        if draw >= 0.9:
            own["texture"] = rng.choice(TEXTURES)
        wanted = f"{own['texture']} {own['shape']}"
        seen = look(thing).replace(f"{thing.texture} {thing.shape}", wanted)
        query = judged_query("", ecr(f"main {seen} {thing.region}", wanted), True)
        text = judge_text(query, plain(said))
        branches.append((behind(opening, text), verdict(wanted == label)))
    return Lesson(media=None, branches=tuple(branches), opening=opening)


def answer_lesson(rng: random.Random, split: Split) -> Lesson:
    """A short text; queries are questions that it answers, or whose other answers it is among."""
    task = rng.choice(("image_qa", "image_qa", "video_qa"))
    asked = make_case(task, rng, split, 3)
    shown = asked.positive if rng.random() < _ANSWERS else rng.choice(asked.negatives)
    opening = opening_of(plain(shown.ecr))
    branches = list[Branch]()
    for case in (asked, *(make_case(task, rng, split, 3) for _ in range(_QUESTIONS))):
        if shown in (case.positive, *case.negatives):
            text = judge_text(case_query(case), plain(shown.ecr))
            branches.append((behind(opening, text), verdict(shown == case.positive)))
    return Lesson(media=None, branches=tuple(branches[:QUERIES]), opening=opening)
