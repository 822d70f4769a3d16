"""Draws scenes."""

import math
import random
from typing import TYPE_CHECKING

from tte2_ray.mini.render.pixels import FONTS, SUPERSAMPLE, finish, font_of, ground_of
from tte2_ray.mini.render.things import draw_thing
from tte2_ray.mini.truth import Scene, Thing

if TYPE_CHECKING:
    from PIL.Image import Image


def draw_scene(scene: Scene, rng: random.Random, size: int) -> "Image":
    """A square picture of `size` pixels a side."""
    side = size * SUPERSAMPLE
    canvas = ground_of(rng, side, side)
    for thing in reversed(scene.things):  # the main thing is in front
        draw_thing(rng, canvas, thing, rng.uniform(0.93, 1.07))
    for tiny in scene.tinies:
        draw_thing(rng, canvas, tiny, rng.uniform(0.95, 1.1))
    if scene.sign:
        _draw_sign(rng, canvas, scene)
    return finish(rng, canvas, (size, size), rng.choice((0, 2, 5)))


def _draw_sign(rng: random.Random, canvas: "Image", scene: Scene) -> None:
    """Draws the sign along the upper or lower edge, where it hides no tiny thing."""
    from PIL import ImageDraw

    side = canvas.width
    font = font_of(rng.choice(FONTS[:3]), round(side * 0.095))
    left, top, right, bottom = (v / side for v in font.getbbox(scene.sign))
    for _ in range(60):
        x, y = rng.uniform(0.03, 0.95 - right + left), rng.choice((0.01, 0.885))
        plate = (x + left - 0.02, y + top - 0.02, x + right + 0.02, y + bottom + 0.02)
        if not any(_meets(plate, tiny) for tiny in scene.tinies):
            break
    draw = ImageDraw.Draw(canvas)
    draw.rectangle([v * side for v in plate], fill=(250, 250, 245), outline=(20, 20, 20))
    draw.text((x * side, y * side), scene.sign, font=font, fill=(15, 15, 15))


def _meets(box: tuple[float, float, float, float], thing: Thing) -> bool:
    x, y = min(max(thing.x, box[0]), box[2]), min(max(thing.y, box[1]), box[3])
    return math.hypot(thing.x - x, thing.y - y) < thing.radius * 1.1
