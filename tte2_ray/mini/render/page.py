"""Draws pages."""

import random
from typing import TYPE_CHECKING

from tte2_ray.mini.render.pixels import FONTS, SUPERSAMPLE, finish, font_of
from tte2_ray.mini.truth import Page

if TYPE_CHECKING:
    from PIL.Image import Image


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
    draw.text((left, y), page.kind, font=font_of(FONTS[1], round(side * 0.125)), fill=ink)
    y += 0.135 * tall
    draw.text((left, y), f"from {page.city}", font=font_of(name, round(side * 0.1)), fill=ink)
    y += 0.15 * tall
    for good, number in page.lines:
        draw.text((left, y), good, font=font_of(name, round(side * 0.1)), fill=ink)
        draw.text((side * 0.72, y), str(number), font=font_of(name, round(side * 0.1)), fill=ink)
        y += 0.118 * tall
    font = font_of(FONTS[3], round(side * 0.085))
    draw.text((rng.uniform(0.1, 0.6) * side, tall * 0.9), page.footer, font=font, fill=ink)
    return finish(rng, canvas, (width, width * 4 // 3), rng.choice((0, 2, 4)))
