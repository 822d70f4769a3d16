"""Draws clips, frame by frame."""

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from tte2_ray.mini.render.pixels import SUPERSAMPLE, finish, ground_of
from tte2_ray.mini.render.things import draw_thing
from tte2_ray.mini.truth import Clip, Thing, actor_states

if TYPE_CHECKING:
    import numpy as np

CLIP_FPS = 8
SECONDS_PER_STATE = 1.0


def draw_clip(
    clip: Clip, rng: random.Random, size: int, every: int = 1
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """Frames of the clip at `CLIP_FPS`, only one in `every` of them: a second still, then for
    each event half a second in which it happens and half a second of rest."""
    import numpy as np

    side = size * SUPERSAMPLE
    ground, states = ground_of(rng, side, side), actor_states(clip)
    look, noise = rng.getrandbits(32), rng.choice((0, 2, 5))
    frames = []
    for frame in range(0, int(CLIP_FPS * SECONDS_PER_STATE * len(states)), every):
        time = frame / CLIP_FPS / SECONDS_PER_STATE
        step = min(int(time), len(states) - 1)
        # The event that leads to state `step` fills the first 0.45 of that state's second.
        share = min(1.0, (time - step + 1 / CLIP_FPS) / 0.45) if step else 1.0
        canvas = ground.copy()
        for index in range(len(clip.actors)):
            before, now = states[max(0, step - 1)][index], states[step][index]
            drawn = _between(before, now, share)
            if drawn is not None:
                thing, scale = drawn
                draw_thing(random.Random(look + index), canvas, thing, scale)
        draw_thing(random.Random(look + 9), canvas, clip.tiny)
        frames.append(np.asarray(finish(rng, canvas, (size, size), noise)))
    return np.stack(frames)


def _between(before: Thing | None, now: Thing | None, share: float) -> tuple[Thing, float] | None:
    if now is None:
        return None if before is None or share >= 1 else (before, 1 - share)
    if before is None:
        return (now, max(0.15, share))
    x, y = before.x + (now.x - before.x) * share, before.y + (now.y - before.y) * share
    return replace(now, x=x, y=y, color=now.color if share > 0.5 else before.color), 1.0
