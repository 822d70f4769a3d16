"""Cases that start from or look for a picture: retrieval, classification, change, grounding."""

import random

from tte2_ray.mini.asks import RELATIONS, Asks, ThingAsk, ask_scene, has_fine, stands
from tte2_ray.mini.edits import near_misses
from tte2_ray.mini.edits.scene import swap_places, with_thing
from tte2_ray.mini.edits.things import PARTS, restyle, with_part
from tte2_ray.mini.language import actor, describe, ecr, look
from tte2_ray.mini.tasks.case import Candidate, Case, distinct, retrieval
from tte2_ray.mini.truth import Scene, Split, Thing, Truth, may_look
from tte2_ray.mini.words import SHAPES, TEXTURES


def image_retrieval(scene: Scene, rng: random.Random, split: Split, count: int) -> Case:
    """A picture by description."""
    asks = ask_scene(rng, scene, fine=has_fine(scene) and rng.random() < 0.45)
    return retrieval(rng, split, count, scene, asks, "image_retrieval", "picture")


def image_classification(scene: Scene, rng: random.Random, split: Split, count: int) -> Case:
    """The texture and shape of the main thing."""
    main = scene.things[0]
    label = f"{main.texture} {main.shape}"
    near = [f"{t.texture} {t.shape}" for t in scene.things[1:]]
    values = [f"{main.texture} {s}" for s in SHAPES] + [f"{t} {main.shape}" for t in TEXTURES]
    return Case(task="image_classification", text="", media=scene, asks=(),
                query_ecr=ecr(f"main {look(main)} {main.region}", label),
                positive=Candidate(text=label),
                negatives=distinct(rng, label, near, values, count + 3))  # fmt: skip


def composed_retrieval(scene: Scene, rng: random.Random, split: Split, count: int) -> Case | None:
    """A picture and what is to be different."""
    if rng.random() < 0.2:
        target = swap_places(rng, scene, split)
        pair = [t for t, u in zip(scene.things, target.things, strict=True) if t != u]
        text = f"the same but the {actor(pair[0])} and the {actor(pair[1])} swap places"
    else:
        index, part = rng.randrange(len(scene.things)), rng.choice(("color", "texture", "shape"))
        old = scene.things[index]
        new = restyle(rng, old, split, part)
        made = with_thing(scene, index, new)
        if made is None:
            return None
        target = made
        value = getattr(new, part)
        text = f"the same but the {actor(old)} is {'a ' if part == 'shape' else ''}{value}"
    misses: list[Truth] = [scene]
    for miss in _salient_changes(rng, target, split, count):
        if miss not in (target, scene):
            misses.append(miss)
    return Case(task="composed_retrieval", text=text, media=scene, asks=(),
                query_ecr=describe(target), positive=Candidate(truth=target),
                negatives=tuple(Candidate(truth=m) for m in misses[: count + 1]))  # fmt: skip


def _salient_changes(rng: random.Random, scene: Scene, split: Split, count: int) -> list[Truth]:
    """Scenes whose big things differ from `scene` by one change: any ask about them would fail."""
    full: Asks = tuple(
        ThingAsk(color=t.color, shape=t.shape, texture=t.texture, region=t.region)
        for t in scene.things
    )
    return near_misses(rng, scene, full, split, count)


def grounding(scene: Scene, rng: random.Random, split: Split, count: int) -> Case | None:
    """The close-up of a thing that words point at."""
    index = rng.randrange(len(scene.things))
    thing = scene.things[index]
    words = _unique_words(rng, scene, index)
    if words is None:
        return None
    crops = [Candidate(truth=scene, crop=i) for i in range(len(scene.things)) if i != index]
    mixed = [with_thing(scene, index, made) for made in _mixed(scene, index, split)]
    fitting = [Candidate(truth=made, crop=index) for made in mixed if made is not None]
    crops += rng.sample(fitting, min(1, len(fitting)))
    for _ in range(20):
        if len(crops) >= count:
            break
        near = with_thing(scene, index, restyle(rng, thing, split))
        if near is not None and near.things[index].look != thing.look:
            crops.append(Candidate(truth=near, crop=index))
    return Case(task="grounding", text=words, media=scene, asks=(),
                query_ecr=ecr(f"{look(thing)} {thing.region}", f"close up of {look(thing)}"),
                positive=Candidate(truth=scene, crop=index), negatives=tuple(crops))  # fmt: skip


def _mixed(scene: Scene, index: int, split: Split) -> list[Thing]:
    """The thing with one part of another: all its attributes are in the picture, but not on it."""
    thing = scene.things[index]
    made = [
        with_part(thing, part, getattr(other, part)) for other in scene.things for part in PARTS
    ]
    return [m for m in made if m.look != thing.look and may_look(split, m.look)]


def _unique_words(rng: random.Random, scene: Scene, index: int) -> str | None:
    thing = scene.things[index]
    options = [f"the {thing.shape}"] * (sum(t.shape == thing.shape for t in scene.things) == 1)
    options += [f"the {thing.color} one"] * (sum(t.color == thing.color for t in scene.things) == 1)
    options += [f"the one at {thing.region}"]
    for anchor in scene.things:
        for relation in RELATIONS:
            there = [t for t in scene.things if t is not anchor and stands(t, relation, anchor)]
            if there == [thing]:
                options.append(f"what is {relation} the {actor(anchor)}")
    return rng.choice(options) if options else None
