"""What is true of an item of the miniature world, and how it is sampled.

Three kinds: a `Scene` (a picture), a `Clip` (a video) and a `Page` (a document). Each is a frozen
value without pixels; `render` draws it with nuisance that the truth does not know.
Coordinates are in units of the canvas, x to the right and y down.
"""

import math
import random
from dataclasses import dataclass, replace
from typing import Literal

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
    is_held_out,
    is_held_out_page,
)

Split = Literal["train", "dev", "test"]
MAIN_RADIUS, BIG_RADIUS, TINY_RADIUS, ACTOR_RADIUS = 0.185, 0.125, 0.055, 0.15


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One shape: how it looks and where its centre is."""

    color: str
    texture: str
    shape: str
    x: float
    y: float
    radius: float

    @property
    def region(self) -> str:
        """The ninth of the canvas that holds the centre."""
        return REGIONS[min(2, int(self.y * 3))][min(2, int(self.x * 3))]

    @property
    def look(self) -> tuple[str, str, str]:
        """Colour, texture and shape."""
        return (self.color, self.texture, self.shape)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A picture: big things, the largest ("main") first; tiny things; perhaps a sign."""

    things: tuple[Thing, ...]
    tinies: tuple[Thing, ...]
    sign: str


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens in a clip: `verb` is moves, turns, vanishes or appears."""

    actor: int
    verb: str
    argument: str
    """A direction for moves, a colour for turns, else ""."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A video: two actors, one or two events in order, and a tiny thing that does nothing."""

    actors: tuple[Thing, ...]
    events: tuple[Event, ...]
    tiny: Thing


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page: who sends what; four lines of goods with their numbers; a footer in small print."""

    kind: str
    city: str
    lines: tuple[tuple[str, int], ...]
    footer: str


Truth = Scene | Clip | Page


def may_look(split: Split, look: tuple[str, str, str]) -> bool:
    """Whether a thing of this split may have this look: outside test never a held-out one."""
    return split == "test" or not is_held_out(*look)


def sample_look(rng: random.Random, split: Split) -> tuple[str, str, str]:
    """Colour, texture, shape that a thing of this split may have."""
    while True:
        look = (rng.choice(list(COLORS)), rng.choice(TEXTURES), rng.choice(SHAPES))
        if may_look(split, look):
            return look


def _place(
    rng: random.Random, taken: list[Thing], radius: float, gap: float
) -> tuple[float, float]:
    """A centre off the region borders, in a region of its own, at least `gap` radii from others."""
    low, high = max(0.09, radius * 0.9), 1 - max(0.09, radius * 0.9)
    for attempt in range(400):
        x, y = rng.uniform(low, high), rng.uniform(low, high)
        off_border = all(abs(v - edge) > 0.035 for v in (x, y) for edge in (1 / 3, 2 / 3))
        slack = gap * (1 - attempt / 800)
        apart = all(math.hypot(x - t.x, y - t.y) > slack * (radius + t.radius) for t in taken)
        region = REGIONS[int(y * 3)][int(x * 3)]
        if off_border and apart and all(region != t.region for t in taken if t.radius >= radius):
            return x, y
    raise RuntimeError("no room left on the canvas")


def sample_scene(rng: random.Random, split: Split) -> Scene:
    """A picture of 2-4 big things that differ in colour or shape, 0-2 tiny ones, often a sign."""
    things: list[Thing] = []
    for index in range(rng.choice((2, 3, 3, 4))):
        radius = MAIN_RADIUS if index == 0 else BIG_RADIUS
        x, y = _place(rng, things, radius, gap=0.65)  # below 1: neighbours may be partly hidden
        color, texture, shape = sample_look(rng, split)
        while any((color, shape) == (t.color, t.shape) for t in things):
            color, texture, shape = sample_look(rng, split)
        thing = Thing(color=color, texture=texture, shape=shape, x=x, y=y, radius=radius)
        things.append(thing)
    tinies: list[Thing] = []
    for _ in range(rng.choice((0, 1, 1, 2))):
        tinies.append(sample_tiny(rng, things, tinies, split))
    sign = rng.choice(SIGNS) if rng.random() < 0.4 else ""
    return Scene(things=tuple(things), tinies=tuple(tinies), sign=sign)


def sample_tiny(
    rng: random.Random, things: list[Thing], tinies: list[Thing], split: Split
) -> Thing:
    """A tiny plain thing that no big one hides and that differs from the other tiny ones."""
    x, y = _place(rng, [*things, *tinies], TINY_RADIUS, gap=1.15)
    taken = [t.look for t in tinies]
    while True:
        look = (rng.choice(list(COLORS)), "plain", rng.choice(TINY_SHAPES))
        if may_look(split, look) and look not in taken:
            break
    color, texture, shape = look
    return Thing(color=color, texture=texture, shape=shape, x=x, y=y, radius=TINY_RADIUS)


def sample_clip(rng: random.Random, split: Split, n_events: int = 2) -> Clip:
    """A video in which `n_events` (1 or 2) things happen, each to an actor that is in view."""
    actors: list[Thing] = []
    for _ in range(2):
        x, y = _place(rng, actors, ACTOR_RADIUS, gap=1.1)
        while True:
            color, _, shape = sample_look(rng, split)
            differs = all(color != a.color and shape != a.shape for a in actors)
            if differs and may_look(split, (color, "plain", shape)):
                break
        actors.append(
            Thing(color=color, texture="plain", shape=shape, x=x, y=y, radius=ACTOR_RADIUS)
        )
    tiny = sample_tiny(rng, actors, [], split)
    clip = Clip(actors=tuple(actors), events=(), tiny=tiny)
    for _ in range(n_events):
        clip = replace(clip, events=(*clip.events, sample_event(rng, clip, split)))
    return clip


def sample_event(rng: random.Random, clip: Clip, split: Split) -> Event:
    """Something that can happen next in `clip`, and that can be seen."""
    while True:
        verb = rng.choice(("moves", "moves", "turns", "turns", "vanishes", "appears"))
        arguments = {"moves": list(DIRECTIONS), "turns": list(COLORS)}.get(verb, [""])
        event = Event(
            actor=rng.randrange(len(clip.actors)), verb=verb, argument=rng.choice(arguments)
        )
        confuses = verb == "turns" and event.argument in {a.color for a in clip.actors}
        first = verb != "appears" or event.actor == 1  # only the second can be away at the start
        after = replace(clip, events=(*clip.events, event))
        if first and not confuses and can_happen(after, split):
            return event


def can_happen(clip: Clip, split: Split) -> bool:
    """Whether every event can be seen: its actor is there, stays inside, changes, covers no other;
    and whether nobody comes to look as no thing of this split may."""
    states = actor_states(clip)
    for state, event in zip(states, clip.events, strict=False):
        now = state[event.actor]
        if event.verb == "appears":
            if now is not None or event is not clip.events[0]:
                return False
        elif now is None or (event.verb == "turns" and now.color == event.argument):
            return False
    return all(_in_view([a for a in state if a is not None], split) for state in states)


def _in_view(actors: list[Thing], split: Split) -> bool:
    inside = all(0.13 < v < 0.87 for a in actors for v in (a.x, a.y))
    apart = all(
        math.hypot(a.x - b.x, a.y - b.y) > 1.4 * ACTOR_RADIUS
        for i, a in enumerate(actors)
        for b in actors[:i]
    )
    return inside and apart and all(may_look(split, a.look) for a in actors)


def actor_states(clip: Clip) -> list[list[Thing | None]]:
    """Where each actor is and how it looks before the first event and after each; None = away."""
    away = {e.actor for e in clip.events[:1] if e.verb == "appears"}
    states: list[list[Thing | None]] = [
        [None if i in away else a for i, a in enumerate(clip.actors)]
    ]
    for event in clip.events:
        after = list(states[-1])
        now = after[event.actor]
        if event.verb == "appears":
            after[event.actor] = clip.actors[event.actor]
        elif event.verb == "vanishes" or now is None:
            after[event.actor] = None
        elif event.verb == "turns":
            after[event.actor] = replace(now, color=event.argument)
        else:
            dx, dy = DIRECTIONS[event.argument]
            after[event.actor] = replace(now, x=now.x + 0.34 * dx, y=now.y + 0.34 * dy)
        states.append(after)
    return states


def sample_page(rng: random.Random, split: Split) -> Page:
    """A page whose sender is never a held-out pair outside the test split."""
    while True:
        kind, city = rng.choice(PAGE_KINDS), rng.choice(CITIES)
        if split == "test" or not is_held_out_page(kind, city):
            break
    goods = rng.sample(GOODS, 4)
    lines = tuple((name, rng.randint(10, 99)) for name in goods)
    return Page(kind=kind, city=city, lines=lines, footer=rng.choice(FOOTERS))
