"""Draws things: their outline, their texture, their colour."""

import colorsys
import math
import random
from typing import TYPE_CHECKING

from tte2_ray.mini.truth import Thing
from tte2_ray.mini.words import COLORS

if TYPE_CHECKING:
    from PIL.Image import Image


def draw_thing(rng: random.Random, canvas: "Image", thing: Thing, scale: float = 1.0) -> None:
    """Draws `thing` on `canvas`, `scale` times its size."""
    width, height = canvas.size
    radius = thing.radius * width * scale
    mask = _mask(rng, thing.shape, radius)
    pattern = _pattern(thing.texture, mask.width, radius, _jitter(rng, COLORS[thing.color]))
    corner = (int(thing.x * width - mask.width / 2), int(thing.y * height - mask.height / 2))
    canvas.paste(pattern, corner, mask)


def crop_thing(picture: "Image", thing: Thing) -> "Image":
    """The part of `picture` around `thing`, as a square picture of its own."""
    width = picture.width
    half = thing.radius * 1.3 * width
    x = min(max(thing.x * width, half), width - half)
    y = min(max(thing.y * width, half), width - half)
    return picture.crop((int(x - half), int(y - half), math.ceil(x + half), math.ceil(y + half)))


def _jitter(rng: random.Random, rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    h, s, v = colorsys.rgb_to_hsv(*(c / 255 for c in rgb))
    h = (h + rng.uniform(-0.012, 0.012)) % 1
    s = min(1.0, s * rng.uniform(0.88, 1.06))
    v = min(1.0, v * rng.uniform(0.9, 1.06))
    r, g, b = colorsys.hsv_to_rgb(h, s, v)
    return (int(r * 255), int(g * 255), int(b * 255))


def _mask(rng: random.Random, shape: str, radius: float) -> "Image":
    from PIL import Image, ImageDraw

    half = math.ceil(radius * 1.25)
    mask = Image.new("L", (2 * half, 2 * half), 0)
    draw = ImageDraw.Draw(mask)
    disc = (half - radius, half - radius, half + radius, half + radius)
    if shape in ("circle", "ring", "moon"):
        draw.ellipse(disc, fill=255)
        if shape == "ring":
            hole = radius * 0.52
            draw.ellipse((half - hole, half - hole, half + hole, half + hole), fill=0)
        elif shape == "moon":
            bite, way = radius * 0.9, rng.uniform(-0.3, 0.3)
            x, y = half + radius * 0.62 * math.cos(way), half + radius * 0.62 * math.sin(way)
            draw.ellipse((x - bite, y - bite, x + bite, y + bite), fill=0)
        return mask
    turn = rng.uniform(-0.16, 0.16)
    draw.polygon([(half + x, half + y) for x, y in _outline(shape, radius, turn)], fill=255)
    return mask


def _outline(shape: str, radius: float, turn: float) -> list[tuple[float, float]]:
    def ring(n: int, r: float, start: float) -> list[tuple[float, float]]:
        angles = [start + 2 * math.pi * i / n for i in range(n)]
        return [(r * math.cos(a), r * math.sin(a)) for a in angles]

    up = -math.pi / 2 + turn
    if shape == "square":
        return ring(4, radius * 1.15, up + math.pi / 4)
    if shape == "diamond":
        return [(x * 0.8, y * 1.15) for x, y in ring(4, radius, up)]
    if shape == "triangle":
        return ring(3, radius * 1.15, up)
    if shape == "star":
        outer, inner = ring(5, radius * 1.12, up), ring(5, radius * 0.48, up + math.pi / 5)
        return [p for pair in zip(outer, inner, strict=True) for p in pair]
    arm, c, s = radius * 0.34, math.cos(turn), math.sin(turn)
    half = [(-arm, -radius), (arm, -radius), (arm, -arm), (radius, -arm), (radius, arm), (arm, arm)]
    cross = [*half, *((-x, -y) for x, y in half)]
    return [(x * c - y * s, x * s + y * c) for x, y in cross]


def _pattern(texture: str, size: int, radius: float, rgb: tuple[int, int, int]) -> "Image":
    from PIL import Image, ImageDraw

    tile = Image.new("RGB", (size, size), rgb)
    draw = ImageDraw.Draw(tile)
    light = tuple(int(c * 0.25 + 255 * 0.75) for c in rgb)
    step = max(2.0, radius * 0.42)
    cells = range(math.ceil(size / step) + 1)
    if texture == "striped":
        for i in cells:
            draw.rectangle((0, i * step, size, i * step + step * 0.45), fill=light)
    elif texture == "dotted":
        dot = step * 0.3
        for i in cells:
            for j in cells:
                x, y = (i + 0.5 * (j % 2)) * step, j * step
                draw.ellipse((x - dot, y - dot, x + dot, y + dot), fill=light)
    elif texture == "checked":
        for i in cells:
            for j in cells:
                if (i + j) % 2:
                    draw.rectangle((i * step, j * step, (i + 1) * step, (j + 1) * step), fill=light)
    return tile
