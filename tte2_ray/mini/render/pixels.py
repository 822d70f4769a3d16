"""What every picture is drawn with: its ground, its fonts, its grain."""

import random
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

SUPERSAMPLE = 2
FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")


@cache
def font_of(name: str, size: int) -> "FreeTypeFont":
    """A DejaVu font of `size` pixels."""
    import matplotlib  # carries the DejaVu fonts, so that no system font is needed
    from PIL import ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / name), size)


def ground_of(rng: random.Random, width: int, height: int) -> "Image":
    """An empty canvas of any brightness, often shaded."""
    from PIL import Image

    base = rng.choice((248, 225, 205, 90, 55, 30))
    tint = [max(0, min(255, base + rng.randint(-7, 7))) for _ in range(3)]
    ground = Image.new("RGB", (width, height), (tint[0], tint[1], tint[2]))
    if rng.random() < 0.5:
        shade = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270)))
        shade = shade.resize((width, height)).point(lambda p: int(p * 0.14))
        ground = Image.composite(Image.new("RGB", (width, height), (128, 128, 128)), ground, shade)
    _scribble(rng, ground)
    return ground


def _scribble(rng: random.Random, ground: "Image") -> None:
    """Up to three thin strokes, a little lighter or darker than the ground: nothing to tell of."""
    from PIL import ImageDraw

    width, height = ground.size
    draw = ImageDraw.Draw(ground)
    for _ in range(rng.choice((0, 0, 1, 2, 3))):
        ends = [rng.uniform(0, side) for side in (width, height, width, height)]
        shade = rng.choice((-1, 1)) * rng.randint(10, 26)
        red, green, blue = (max(0, min(255, c + shade)) for c in _pixel(ground, ends[0], ends[1]))
        thick = round(width * rng.uniform(0.008, 0.018))
        draw.line(ends, fill=(red, green, blue), width=thick)


def _pixel(ground: "Image", x: float, y: float) -> tuple[int, ...]:
    """The colour at a place of an RGB image."""
    pixel = ground.getpixel((min(int(x), ground.width - 1), min(int(y), ground.height - 1)))
    assert isinstance(pixel, tuple)
    return tuple(int(c) for c in pixel)


def finish(rng: random.Random, canvas: "Image", size: tuple[int, int], noise: float) -> "Image":
    """`canvas` scaled down to `size`, with grain of `noise` grey levels (deviation)."""
    import numpy as np
    from PIL import Image

    small = canvas.resize(size, Image.Resampling.BOX)
    if noise <= 0:
        return small
    grain = np.random.default_rng(rng.getrandbits(32)).normal(0, noise, (size[1], size[0], 3))
    return Image.fromarray(np.clip(np.asarray(small) + grain, 0, 255).astype(np.uint8))
