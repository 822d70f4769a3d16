"""Small changes to a truth: what near-misses and "the same, but …" queries are made of."""

import random

from tte2_ray.mini.asks import Asks, all_hold
from tte2_ray.mini.edits.clip import change_clip, rearrange_clip
from tte2_ray.mini.edits.page import change_page, swap_numbers
from tte2_ray.mini.edits.scene import change_scene, rearrange_scene
from tte2_ray.mini.truth import Clip, Scene, Split, Truth


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
        return change_scene(rng, truth, split)
    if isinstance(truth, Clip):
        return change_clip(rng, truth, split)
    return change_page(rng, truth, split)


def rearrange(rng: random.Random, truth: Truth, split: Split) -> Truth | None:
    """`truth` with the same parts in other places, or None if the change drawn does not fit."""
    if isinstance(truth, Scene):
        return rearrange_scene(rng, truth, split)
    if isinstance(truth, Clip):
        return rearrange_clip(rng, truth, split)
    return swap_numbers(rng, truth)
