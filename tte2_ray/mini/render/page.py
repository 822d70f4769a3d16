"""Draws pages."""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tte2_ray.mini.render.pixels import FONTS, SUPERSAMPLE, finish, font_of
from tte2_ray.mini.truth import Page

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont


LINE_HEIGHT = 0.118 * 4 / 3
"""Of a page of width 1."""


def draw_page(page: Page, rng: random.Random, width: int) -> "Image":
    """A page of `width` x 4/3 `width` pixels."""
    from PIL import ImageDraw

    side, tall = width * SUPERSAMPLE, width * 4 // 3 * SUPERSAMPLE
    canvas = _paper(rng, side, tall)
    draw = ImageDraw.Draw(canvas)
    ink = (rng.randint(0, 50),) * 3
    name = rng.choice((FONTS[0], FONTS[2]))
    left = rng.uniform(0.04, 0.1) * side
    y = rng.uniform(0.03, 0.07) * tall
    draw.text((left, y), page.kind, font=font_of(FONTS[1], round(side * 0.125)), fill=ink)
    y += 0.135 * tall
    draw.text((left, y), f"from {page.city}", font=font_of(name, round(side * 0.1)), fill=ink)
    y += 0.15 * tall
    _print_lines(draw, page.lines, (left, y), side, font_of(name, round(side * 0.1)), ink)
    font = font_of(FONTS[3], round(side * 0.085))
    draw.text((rng.uniform(0.1, 0.6) * side, tall * 0.9), page.footer, font=font, fill=ink)
    return finish(rng, canvas, (width, width * 4 // 3), rng.choice((0, 2, 4)))


def draw_lines(page: Page, first: int, rng: random.Random, width: int) -> "Image":
    """A close-up of two lines of a page from `first` on: `width` x 1/3 `width` pixels."""
    from PIL import ImageDraw

    side, tall = width * SUPERSAMPLE, width // 3 * SUPERSAMPLE
    canvas = _paper(rng, side, tall)
    name = rng.choice((FONTS[0], FONTS[2]))
    corner = (rng.uniform(0.04, 0.1) * side, rng.uniform(0, 0.02) * side)
    ink = (rng.randint(0, 50),) * 3
    lines = page.lines[first : first + 2]
    font = font_of(name, round(side * 0.1))
    _print_lines(ImageDraw.Draw(canvas), lines, corner, side, font, ink)
    return finish(rng, canvas, (width, width // 3), rng.choice((0, 2, 4)))


def _paper(rng: random.Random, side: int, tall: int) -> "Image":
    """Paper of any white, with up to two pale rules across it: nothing to tell of."""
    from PIL import Image, ImageDraw

    white = rng.randint(238, 255)
    paper = Image.new("RGB", (side, tall), (white, white, max(0, white - rng.randint(0, 14))))
    draw = ImageDraw.Draw(paper)
    for _ in range(rng.choice((0, 0, 1, 2))):
        x, y = rng.uniform(0, side), rng.uniform(0, tall)
        ends = (x, 0, x, tall) if rng.random() < 0.5 else (0, y, side, y)
        grey = white - rng.randint(18, 45)
        draw.line(ends, fill=(grey, grey, grey), width=round(side * 0.012))
    return paper


def _print_lines(
    draw: "ImageDraw",
    lines: Sequence[tuple[str, int]],
    corner: tuple[float, float],
    side: int,
    font: "FreeTypeFont",
    ink: tuple[int, int, int],
) -> None:
    left, y = corner
    for good, number in lines:
        draw.text((left, y), good, font=font, fill=ink)
        draw.text((side * 0.72, y), str(number), font=font, fill=ink)
        y += LINE_HEIGHT * side
