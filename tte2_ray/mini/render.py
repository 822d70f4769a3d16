"""Draws a truth as pixels, with nuisance that the truth does not know.

Nuisance: colour jitter, rotation, scale, shading of the ground, noise, blur, font, size of the
canvas and compression (by `world.py`). Everything is drawn at twice the size and scaled down, so
that edges are smooth. Shapes of arrays: frames are uint8 (T, H, W, 3).
"""

import colorsys
import math
import random
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tte2_ray.mini.truth import Clip, Page, Scene, Thing, actor_states
from tte2_ray.mini.words import COLORS

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

SUPERSAMPLE = 2
CLIP_FPS = 8
SECONDS_PER_STATE = 1.0
FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")


@cache
def _font(name: str, size: int) -> "FreeTypeFont":
    import matplotlib  # carries the DejaVu fonts, so that no system font is needed
    from PIL import ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / name), size)


def _jitter(rng: random.Random, rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    h, s, v = colorsys.rgb_to_hsv(*(c / 255 for c in rgb))
    h = (h + rng.uniform(-0.012, 0.012)) % 1
    s = min(1.0, s * rng.uniform(0.88, 1.06))
    v = min(1.0, v * rng.uniform(0.9, 1.06))
    r, g, b = colorsys.hsv_to_rgb(h, s, v)
    return (int(r * 255), int(g * 255), int(b * 255))


def _ground(rng: random.Random, width: int, height: int) -> "Image":
    from PIL import Image

    base = rng.choice((248, 225, 205, 90, 55, 30))
    tint = [max(0, min(255, base + rng.randint(-7, 7))) for _ in range(3)]
    ground = Image.new("RGB", (width, height), (tint[0], tint[1], tint[2]))
    if rng.random() < 0.5:
        shade = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270)))
        shade = shade.resize((width, height)).point(lambda p: int(p * 0.14))
        ground = Image.composite(Image.new("RGB", (width, height), (128, 128, 128)), ground, shade)
    return ground


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


def _draw_thing(rng: random.Random, canvas: "Image", thing: Thing, scale: float = 1.0) -> None:
    width, height = canvas.size
    radius = thing.radius * width * scale
    mask = _mask(rng, thing.shape, radius)
    pattern = _pattern(thing.texture, mask.width, radius, _jitter(rng, COLORS[thing.color]))
    corner = (int(thing.x * width - mask.width / 2), int(thing.y * height - mask.height / 2))
    canvas.paste(pattern, corner, mask)


def _finish(rng: random.Random, canvas: "Image", size: tuple[int, int], noise: float) -> "Image":
    import numpy as np
    from PIL import Image

    small = canvas.resize(size, Image.Resampling.BOX)
    if noise <= 0:
        return small
    grain = np.random.default_rng(rng.getrandbits(32)).normal(0, noise, (size[1], size[0], 3))
    return Image.fromarray(np.clip(np.asarray(small) + grain, 0, 255).astype(np.uint8))


def draw_scene(scene: Scene, rng: random.Random, size: int) -> "Image":
    """A square picture of `size` pixels a side."""
    side = size * SUPERSAMPLE
    canvas = _ground(rng, side, side)
    for thing in reversed(scene.things):  # the main thing is in front
        _draw_thing(rng, canvas, thing, rng.uniform(0.93, 1.07))
    for tiny in scene.tinies:
        _draw_thing(rng, canvas, tiny, rng.uniform(0.95, 1.1))
    if scene.sign:
        _draw_sign(rng, canvas, scene)
    return _finish(rng, canvas, (size, size), rng.choice((0, 2, 5)))


def _draw_sign(rng: random.Random, canvas: "Image", scene: Scene) -> None:
    """Draws the sign along the upper or lower edge, where it hides no tiny thing."""
    from PIL import ImageDraw

    side = canvas.width
    font = _font(rng.choice(FONTS[:3]), round(side * 0.095))
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


def crop_thing(picture: "Image", thing: Thing) -> "Image":
    """The part of `picture` around `thing`, as a square picture of its own."""
    width = picture.width
    half = thing.radius * 1.3 * width
    x = min(max(thing.x * width, half), width - half)
    y = min(max(thing.y * width, half), width - half)
    return picture.crop((int(x - half), int(y - half), math.ceil(x + half), math.ceil(y + half)))


def draw_clip(
    clip: Clip, rng: random.Random, size: int, every: int = 1
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """Frames of the clip at `CLIP_FPS`, only one in `every` of them: a second still, then for
    each event half a second in which it happens and half a second of rest."""
    import numpy as np

    side = size * SUPERSAMPLE
    ground, states = _ground(rng, side, side), actor_states(clip)
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
                _draw_thing(random.Random(look + index), canvas, thing, scale)
        _draw_thing(random.Random(look + 9), canvas, clip.tiny)
        frames.append(np.asarray(_finish(rng, canvas, (size, size), noise)))
    return np.stack(frames)


def _between(before: Thing | None, now: Thing | None, share: float) -> tuple[Thing, float] | None:
    if now is None:
        return None if before is None or share >= 1 else (before, 1 - share)
    if before is None:
        return (now, max(0.15, share))
    x, y = before.x + (now.x - before.x) * share, before.y + (now.y - before.y) * share
    return replace(now, x=x, y=y, color=now.color if share > 0.5 else before.color), 1.0


def draw_page(page: Page, rng: random.Random, width: int) -> "Image":
    """A page of `width` x 4/3 `width` pixels."""
    from PIL import Image, ImageDraw

    side, tall = width * SUPERSAMPLE, width * 4 // 3 * SUPERSAMPLE
    paper = rng.randint(238, 255)
    canvas = Image.new("RGB", (side, tall), (paper, paper, max(0, paper - rng.randint(0, 14))))
    draw = ImageDraw.Draw(canvas)
    ink = (rng.randint(0, 50),) * 3
    name = rng.choice((FONTS[0], FONTS[2]))
    left = rng.uniform(0.04, 0.1) * side
    y = rng.uniform(0.03, 0.07) * tall
    draw.text((left, y), page.kind, font=_font(FONTS[1], round(side * 0.125)), fill=ink)
    y += 0.135 * tall
    draw.text((left, y), f"from {page.city}", font=_font(name, round(side * 0.1)), fill=ink)
    y += 0.15 * tall
    for good, number in page.lines:
        draw.text((left, y), good, font=_font(name, round(side * 0.1)), fill=ink)
        draw.text((side * 0.72, y), str(number), font=_font(name, round(side * 0.1)), fill=ink)
        y += 0.118 * tall
    font = _font(FONTS[3], round(side * 0.085))
    draw.text((rng.uniform(0.1, 0.6) * side, tall * 0.9), page.footer, font=font, fill=ink)
    return _finish(rng, canvas, (width, width * 4 // 3), rng.choice((0, 2, 4)))
