"""Questions about a picture."""

import random

from tte2_ray.mini.asks import RELATIONS, stands
from tte2_ray.mini.language import actor, look, reading_order
from tte2_ray.mini.tasks.case import Case, answer
from tte2_ray.mini.truth import Scene, Split, Thing
from tte2_ray.mini.words import COLORS, REGIONS, SHAPES, SIGNS, TEXTURES


def image_qa(scene: Scene, rng: random.Random, split: Split, count: int) -> Case | None:
    """A question about a picture, or None where the one drawn has no answer."""
    kind = rng.choice(("color", "texture", "region", "count", "beside", "tiny", "sign"))
    thing = rng.choice(scene.things)
    if kind == "sign":
        return _sign(rng, scene, count)
    if kind == "tiny":
        return _tiny(rng, scene, count)
    if kind == "count":
        seen = ", ".join(look(t) for t in reading_order(scene.things))
        return answer(rng, scene, "how many big things are there", seen, str(len(scene.things)),
                      [], ["2", "3", "4", "5", "6"], count)  # fmt: skip
    if kind == "beside":
        return _beside(rng, scene, count)
    return _part(rng, scene, thing, kind, count)


def _sign(rng: random.Random, scene: Scene, count: int) -> Case | None:
    if not scene.sign:
        return None
    return answer(rng, scene, "what does the sign say", f"sign {scene.sign}", scene.sign,
                  [], SIGNS, count)  # fmt: skip


def _tiny(rng: random.Random, scene: Scene, count: int) -> Case | None:
    if not scene.tinies or len({t.shape for t in scene.tinies}) < len(scene.tinies):
        return None
    tiny = rng.choice(scene.tinies)
    near = [t.color for t in (*scene.things, *scene.tinies)]
    return answer(rng, scene, f"what color is the tiny {tiny.shape}",
                  f"tiny {tiny.color} {tiny.shape}", tiny.color, near, COLORS, count)  # fmt: skip


def _part(rng: random.Random, scene: Scene, thing: Thing, kind: str, count: int) -> Case | None:
    if sum(t.shape == thing.shape for t in scene.things) > 1:
        return None
    question, values = {
        "color": (f"what color is the {thing.shape}", tuple(COLORS)),
        "texture": (f"what texture is the {thing.shape}", TEXTURES),
        "region": (f"where is the {thing.shape}", tuple(r for row in REGIONS for r in row)),
    }[kind]
    said, near = getattr(thing, kind), [getattr(t, kind) for t in scene.things]
    return answer(rng, scene, question, f"{look(thing)} {thing.region}", said, near, values, count)


def _beside(rng: random.Random, scene: Scene, count: int) -> Case | None:
    anchor = rng.choice(scene.things)
    relation = rng.choice(RELATIONS)
    there = [t for t in scene.things if t is not anchor and stands(t, relation, anchor)]
    if len(there) != 1:
        return None
    question = f"what is {relation} the {anchor.color} {anchor.shape}"
    seen = f"{look(anchor)} {anchor.region}, {look(there[0])} {there[0].region}"
    values = [f"{c} {there[0].shape}" for c in COLORS] + [f"{there[0].color} {s}" for s in SHAPES]
    near = [actor(t) for t in scene.things]
    return answer(rng, scene, question, seen, actor(there[0]), near, values, count)
