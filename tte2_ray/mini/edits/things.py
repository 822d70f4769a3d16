"""Small changes to a thing, of a scene or a clip."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tte2_ray.mini.truth import Split, Thing, may_look
from tte2_ray.mini.words import COLORS, SHAPES, TEXTURES, TINY_SHAPES

PARTS: Final = ("color", "texture", "shape")
"""Of the look of a thing."""


def other(rng: random.Random, value: str, values: Sequence[str]) -> str:
    """One of `values` that is not `value`."""
    return rng.choice([v for v in values if v != value])


def restyle(rng: random.Random, thing: Thing, split: Split, part: str = "") -> Thing:
    """`thing` with another colour, texture or shape (`part`, drawn if "")."""
    for _ in range(40):
        chosen = part or rng.choice(PARTS)
        values: tuple[str, ...] = {"color": tuple(COLORS), "texture": TEXTURES, "shape": SHAPES}[
            chosen
        ]
        made = with_part(thing, chosen, other(rng, getattr(thing, chosen), values))
        if may_look(split, made.look):
            return made
    raise RuntimeError(f"no other {part} fits {thing}")


def with_part(thing: Thing, part: str, value: str) -> Thing:
    """`thing` with another "color", "texture" or "shape"."""
    if part == "color":
        return replace(thing, color=value)
    return replace(thing, texture=value) if part == "texture" else replace(thing, shape=value)


def change_tiny(rng: random.Random, tiny: Thing, split: Split) -> Thing:
    """A tiny thing of another colour or shape."""
    while True:
        if rng.random() < 0.6:
            made = replace(tiny, color=other(rng, tiny.color, tuple(COLORS)))
        else:
            made = replace(tiny, shape=other(rng, tiny.shape, TINY_SHAPES))
        if may_look(split, made.look):
            return made
