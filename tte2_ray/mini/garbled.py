"""Asks that a candidate fails by one word: what comparing is learned from.

Near-misses of the world change an item, and most of what a query asks of it still holds; here it is
the ask that is changed, often to what is true of something else in the same item.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from tte2_ray.mini.asks import (
    RELATIONS,
    Ask,
    EventAsk,
    FooterAsk,
    LineAsk,
    RelationAsk,
    SenderAsk,
    SignAsk,
    ThingAsk,
    TinyAsk,
)
from tte2_ray.mini.truth import Page, Scene, Truth
from tte2_ray.mini.words import (
    CITIES,
    COLORS,
    DIRECTIONS,
    FOOTERS,
    GOODS,
    PAGE_KINDS,
    REGIONS,
    SHAPES,
    SIGNS,
    TEXTURES,
    TINY_SHAPES,
)

_VALUES: Final = {
    "color": tuple(COLORS),
    "texture": TEXTURES,
    "shape": SHAPES,
    "region": tuple(region for row in REGIONS for region in row),
}
_NEAR: Final = 0.6
"""Share of changes to what is true of something else in the item."""


def garbled(rng: random.Random, ask: Ask, truth: Truth) -> Ask:
    """`ask` with one word changed; now and then it holds all the same.

    Args:
        rng: of the lesson.
        ask: that holds of `truth`.
        truth: of the candidate.
    """
    if isinstance(ask, ThingAsk) and isinstance(truth, Scene):
        return _thing(rng, ask, truth)
    if isinstance(ask, RelationAsk) and isinstance(truth, Scene):
        return _relation(rng, ask, truth)
    if isinstance(ask, EventAsk):
        return _events(rng, ask)
    if isinstance(ask, TinyAsk):
        part, values = rng.choice((("color", tuple(COLORS)), ("shape", TINY_SHAPES)))
        return replace(ask, **{part: _other(rng, getattr(ask, part), values)})
    if isinstance(ask, SignAsk):
        return replace(ask, word=_other(rng, ask.word, SIGNS))
    if isinstance(ask, FooterAsk):
        return replace(ask, word=_other(rng, ask.word, FOOTERS))
    if isinstance(ask, SenderAsk):
        part, values = rng.choice((("kind", PAGE_KINDS), ("city", CITIES)))
        return replace(ask, **{part: _other(rng, getattr(ask, part), values)})
    assert isinstance(ask, LineAsk)
    assert isinstance(truth, Page)
    return _line(rng, ask, truth)


def _other(rng: random.Random, value: str, values: Sequence[str]) -> str:
    return rng.choice([each for each in values if each != value])


def _thing(rng: random.Random, ask: ThingAsk, scene: Scene) -> ThingAsk:
    part = rng.choice([name for name in _VALUES if getattr(ask, name)])
    near = [getattr(thing, part) for thing in scene.things]
    values = near if rng.random() < _NEAR and set(near) - {getattr(ask, part)} else _VALUES[part]
    changed: Any = {part: _other(rng, getattr(ask, part), values)}
    return replace(ask, **changed)


def _relation(rng: random.Random, ask: RelationAsk, scene: Scene) -> RelationAsk:
    draw = rng.random()
    if draw < 0.3:
        return replace(ask, first=ask.second, second=ask.first)
    if draw < 0.5:
        return replace(ask, relation=rng.choice([r for r in RELATIONS if r != ask.relation]))
    if draw < 0.75:
        return replace(ask, first=_thing(rng, ask.first, scene))
    return replace(ask, second=_thing(rng, ask.second, scene))


def _events(rng: random.Random, ask: EventAsk) -> EventAsk:
    events = list(ask.events)
    if len(set(events)) > 1 and rng.random() < 0.3:
        return replace(ask, events=tuple(reversed(events)))
    index = rng.randrange(len(events))
    events[index] = garbled_event(rng, events[index])
    return replace(ask, events=tuple(events))


def garbled_event(rng: random.Random, event: str) -> str:
    """The words of an event with one of them changed."""
    words, kinds = event.split(" "), (tuple(COLORS), SHAPES, tuple(DIRECTIONS))
    spots = [(i, values) for i, word in enumerate(words) for values in kinds if word in values]
    i, values = rng.choice(spots)
    words[i] = _other(rng, words[i], values)
    return " ".join(words)


def _line(rng: random.Random, ask: LineAsk, page: Page) -> LineAsk:
    lines = page.lines if ask.fine else page.lines[:2]
    draw = rng.random()
    if draw < 0.5:
        return replace(ask, number=rng.choice([n for _, n in lines]))
    if draw < 0.75:
        return replace(ask, number=max(1, ask.number + rng.choice((-10, -1, 1, 10))))
    return replace(ask, good=_other(rng, ask.good, GOODS))
