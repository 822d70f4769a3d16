"""Small changes to a truth: what near-misses and "the same, but …" queries are made of."""

import random
from collections.abc import Callable
from dataclasses import replace

from tte2_ray.mini.asks import Asks, all_hold
from tte2_ray.mini.truth import (
    Clip,
    Event,
    Page,
    Scene,
    Split,
    Thing,
    Truth,
    can_happen,
    may_look,
    sample_event,
    sample_tiny,
)
from tte2_ray.mini.words import (
    CITIES,
    COLORS,
    FOOTERS,
    GOODS,
    PAGE_KINDS,
    SHAPES,
    SIGNS,
    TEXTURES,
    TINY_SHAPES,
    is_held_out_page,
)


def near_misses(
    rng: random.Random, truth: Truth, asks: Asks, split: Split, count: int
) -> list[Truth]:
    """Up to `count` different items that fail `asks` by one small change to `truth`.

    Where it can be, the first holds the same parts in another arrangement: a bag of attributes
    cannot tell it from the answer.
    """
    found: list[Truth] = []
    for attempt in range(count * 12):
        edit = rearrange if attempt < 12 and not found else change
        edited = edit(rng, truth, split)
        if edited is not None and edited not in found and not all_hold(asks, edited):
            found.append(edited)
            if len(found) == count:
                break
    return found


def change(rng: random.Random, truth: Truth, split: Split) -> Truth | None:
    """`truth` with one thing changed, or None if the change drawn does not fit."""
    if isinstance(truth, Scene):
        return rng.choice(_SCENE_CHANGES)(rng, truth, split)
    if isinstance(truth, Clip):
        return rng.choice(_CLIP_CHANGES)(rng, truth, split)
    return change_page(rng, truth, split)


def rearrange(rng: random.Random, truth: Truth, split: Split) -> Truth | None:
    """`truth` with the same parts in other places, or None if the change drawn does not fit."""
    if isinstance(truth, Scene):
        return rng.choice((swap_parts, swap_places))(rng, truth, split)
    if isinstance(truth, Clip):
        return rng.choice((swap_events, swap_roles))(rng, truth, split)
    return swap_numbers(rng, truth)


def other(rng: random.Random, value: str, values: "tuple[str, ...] | list[str]") -> str:
    """One of `values` that is not `value`."""
    return rng.choice([v for v in values if v != value])


def restyle(rng: random.Random, thing: Thing, split: Split, part: str = "") -> Thing:
    """`thing` with another colour, texture or shape (`part`, drawn if "")."""
    for _ in range(40):
        chosen = part or rng.choice(("color", "texture", "shape"))
        values: tuple[str, ...] = {"color": tuple(COLORS), "texture": TEXTURES, "shape": SHAPES}[
            chosen
        ]
        made = _with(thing, chosen, other(rng, getattr(thing, chosen), values))
        if may_look(split, made.look):
            return made
    raise RuntimeError(f"no other {part} fits {thing}")


def _with(thing: Thing, part: str, value: str) -> Thing:
    if part == "color":
        return replace(thing, color=value)
    return replace(thing, texture=value) if part == "texture" else replace(thing, shape=value)


def with_thing(scene: Scene, index: int, thing: Thing) -> Scene | None:
    """`scene` with one big thing replaced, unless two would then look alike."""
    things = [*scene.things[:index], thing, *scene.things[index + 1 :]]
    if len({(t.color, t.shape) for t in things}) < len(things):
        return None
    return replace(scene, things=tuple(things))


def restyle_one(rng: random.Random, scene: Scene, split: Split) -> Scene | None:
    """One big thing looks different."""
    index = rng.randrange(len(scene.things))
    return with_thing(scene, index, restyle(rng, scene.things[index], split))


def swap_parts(rng: random.Random, scene: Scene, split: Split) -> Scene | None:
    """Two big things swap colour, texture or shape: the bag of attributes stays the same."""
    i, j = rng.sample(range(len(scene.things)), 2)
    a, b = scene.things[i], scene.things[j]
    part = rng.choice(("color", "texture", "shape"))
    a2, b2 = _with(a, part, getattr(b, part)), _with(b, part, getattr(a, part))
    if a2 == a or not (may_look(split, a2.look) and may_look(split, b2.look)):
        return None
    things = list(scene.things)
    things[i], things[j] = a2, b2
    if len({(t.color, t.shape) for t in things}) < len(things):
        return None
    return replace(scene, things=tuple(things))


def swap_places(rng: random.Random, scene: Scene, split: Split) -> Scene:
    """Two big things swap places."""
    i, j = rng.sample(range(len(scene.things)), 2)
    things = list(scene.things)
    a, b = things[i], things[j]
    things[i], things[j] = replace(a, x=b.x, y=b.y), replace(b, x=a.x, y=a.y)
    return replace(scene, things=tuple(things))


def drop_one(rng: random.Random, scene: Scene, split: Split) -> Scene | None:
    """One big thing that is not the main one is gone."""
    if len(scene.things) < 3:
        return None
    gone = rng.randrange(1, len(scene.things))
    return replace(scene, things=tuple(t for i, t in enumerate(scene.things) if i != gone))


def change_fine(rng: random.Random, scene: Scene, split: Split) -> Scene:
    """A tiny thing or the sign is another one."""
    if scene.sign and (not scene.tinies or rng.random() < 0.5):
        return replace(scene, sign=other(rng, scene.sign, SIGNS))
    if not scene.tinies:
        return replace(scene, tinies=(sample_tiny(rng, list(scene.things), [], split),))
    index = rng.randrange(len(scene.tinies))
    tinies = list(scene.tinies)
    tinies[index] = change_tiny(rng, tinies[index], split)
    return replace(scene, tinies=tuple(tinies))


def change_tiny(rng: random.Random, tiny: Thing, split: Split) -> Thing:
    """A tiny thing of another colour or shape."""
    while True:
        if rng.random() < 0.6:
            made = replace(tiny, color=other(rng, tiny.color, tuple(COLORS)))
        else:
            made = replace(tiny, shape=other(rng, tiny.shape, TINY_SHAPES))
        if may_look(split, made.look):
            return made


_SceneChange = Callable[[random.Random, Scene, Split], Scene | None]
_SCENE_CHANGES: tuple[_SceneChange, ...] = (
    restyle_one, restyle_one, restyle_one, swap_parts, swap_parts, swap_places, drop_one,
    change_fine, change_fine,
)  # fmt: skip


def swap_events(rng: random.Random, clip: Clip, split: Split) -> Clip | None:
    """The same events in the other order."""
    swapped = replace(clip, events=clip.events[::-1])
    return swapped if len(clip.events) == 2 and can_happen(swapped, split) else None


def swap_roles(rng: random.Random, clip: Clip, split: Split) -> Clip | None:
    """What happens to one actor happens to the other."""
    if len(clip.actors) < 2:
        return None
    events = tuple(replace(e, actor=1 - e.actor) for e in clip.events)
    swapped = replace(clip, events=events)
    return swapped if can_happen(swapped, split) else None


def change_event(rng: random.Random, clip: Clip, split: Split) -> Clip | None:
    """One event is another one, or happens to the other actor."""
    index = rng.randrange(len(clip.events))
    event = clip.events[index]
    if len(clip.actors) == 2 and rng.random() < 0.4:
        event = replace(event, actor=1 - event.actor)
    else:
        event = sample_event(rng, replace(clip, events=clip.events[:index]), split)
    events: tuple[Event, ...] = (*clip.events[:index], event, *clip.events[index + 1 :])
    edited = replace(clip, events=events)
    return edited if can_happen(edited, split) else None


def change_actor(rng: random.Random, clip: Clip, split: Split) -> Clip | None:
    """One actor has another colour or shape."""
    index = rng.randrange(len(clip.actors))
    old = clip.actors[index]
    new = restyle(rng, old, split, rng.choice(("color", "shape")))
    actors = [*clip.actors]
    actors[index] = new
    if len({a.color for a in actors}) < len(actors) or len({a.shape for a in actors}) < len(actors):
        return None
    edited = replace(clip, actors=tuple(actors))
    return edited if can_happen(edited, split) else None


def change_clip_tiny(rng: random.Random, clip: Clip, split: Split) -> Clip:
    """The tiny thing is another one."""
    return replace(clip, tiny=change_tiny(rng, clip.tiny, split))


_ClipChange = Callable[[random.Random, Clip, Split], Clip | None]
_CLIP_CHANGES: tuple[_ClipChange, ...] = (
    swap_events, swap_events, swap_roles, change_event, change_event, change_actor,
    change_clip_tiny,
)  # fmt: skip


def swap_numbers(rng: random.Random, page: Page) -> Page:
    """Two lines swap their numbers."""
    lines = list(page.lines)
    i, j = rng.sample(range(len(lines)), 2)
    (one, first), (two, second) = lines[i], lines[j]
    lines[i], lines[j] = (one, second), (two, first)
    return replace(page, lines=tuple(lines))


def change_page(rng: random.Random, page: Page, split: Split) -> Page | None:
    """A number, a swap of two numbers, the goods, the sender or the footer is another one."""
    lines = list(page.lines)
    index = rng.randrange(len(lines))
    good, number = lines[index]
    what = rng.choice(("number", "number", "swap", "good", "kind", "city", "footer"))
    if what == "number":
        digit = rng.choice(
            (number % 10 + 10 * rng.randint(1, 9), number // 10 * 10 + rng.randint(0, 9))
        )
        lines[index] = (good, digit)
    elif what == "good":
        lines[index] = (rng.choice([g for g in GOODS if g not in dict(lines)]), number)
    edited = swap_numbers(rng, page) if what == "swap" else replace(page, lines=tuple(lines))
    if what == "kind":
        edited = replace(edited, kind=other(rng, page.kind, PAGE_KINDS))
    elif what == "city":
        edited = replace(edited, city=other(rng, page.city, CITIES))
    elif what == "footer":
        edited = replace(edited, footer=other(rng, page.footer, FOOTERS))
    held_out = split != "test" and is_held_out_page(edited.kind, edited.city)
    return None if held_out or edited == page else edited
