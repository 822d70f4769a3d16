"""Small changes to a scene."""

import random
from collections.abc import Callable
from dataclasses import replace

from tte2_ray.mini.edits.things import PARTS, change_tiny, other, restyle, with_part
from tte2_ray.mini.truth import Scene, Split, Thing, may_look, sample_tiny
from tte2_ray.mini.words import SIGNS


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
    part = rng.choice(PARTS)
    a2, b2 = with_part(a, part, getattr(b, part)), with_part(b, part, getattr(a, part))
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


_SceneChange = Callable[[random.Random, Scene, Split], Scene | None]
_SCENE_CHANGES: tuple[_SceneChange, ...] = (
    restyle_one, restyle_one, restyle_one, swap_parts, swap_parts, swap_places, drop_one,
    change_fine, change_fine,
)  # fmt: skip


def change_scene(rng: random.Random, scene: Scene, split: Split) -> Scene | None:
    """`scene` with one thing changed, or None if the change drawn does not fit."""
    return rng.choice(_SCENE_CHANGES)(rng, scene, split)


def rearrange_scene(rng: random.Random, scene: Scene, split: Split) -> Scene | None:
    """`scene` with the same parts in other places, or None if the change drawn does not fit."""
    return rng.choice((swap_parts, swap_places))(rng, scene, split)
