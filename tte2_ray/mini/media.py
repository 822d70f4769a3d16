"""Media of the miniature world as a model's processor gets them: drawn, then decoded and scaled."""

import io
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tte2_ray.mini.model import FRAME_MAX_PIXELS, IMAGE_MAX_PIXELS, PAGE_MAX_PIXELS
from tte2_ray.mini.render import CLIP_FPS, crop_thing, draw_clip, draw_page, draw_scene
from tte2_ray.mini.truth import Clip, Page, Truth

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image


@dataclass(frozen=True, kw_only=True)
class Media:
    """Pixels as the model's processor gets them: uint8 (T, H, W, 3); T is 1 for a picture."""

    pixels: "np.ndarray"
    timestamps_s: tuple[float, ...] = ()
    """For a video, the time of each pair of frames; empty for a picture."""


def fit(picture: "Image", max_pixels: int) -> "Image":
    """The picture scaled to about `max_pixels`, a whole number of patches wide and high.

    As many for squares and pages; what is cut to another shape may have a sixth more.
    """
    from PIL import Image

    scale = (max_pixels / (picture.width * picture.height)) ** 0.5
    width = max(16, round(picture.width * scale / 16) * 16)
    height = max(16, round(picture.height * scale / 16) * 16)
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def compressed(rng: random.Random, picture: "Image") -> "Image":
    """The picture after a lossy trip through JPEG, as often as not."""
    from PIL import Image

    if rng.random() < 0.5:
        return picture
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=rng.randint(60, 95))
    return Image.open(buffer).convert("RGB")


def see(truth: Truth, rng: random.Random, crop: int = -1, limit: int = IMAGE_MAX_PIXELS) -> Media:
    """Draws a truth and takes it through what decoding does to a real file.

    Args:
        truth: what to draw.
        rng: of the nuisance.
        crop: shows only this thing of a scene.
        limit: of a scene's pixels.
    """
    if isinstance(truth, Clip):
        return _see_clip(truth, rng)
    if isinstance(truth, Page):
        picture, limit = draw_page(truth, rng, rng.randint(104, 144)), PAGE_MAX_PIXELS
    else:
        picture = draw_scene(truth, rng, rng.randint(100, 160))
        if crop >= 0:
            picture = crop_thing(picture, truth.things[crop])
            limit = min(limit, max(48 * 48, picture.width * picture.height))
    return still(rng, picture, limit)


def still(rng: random.Random, picture: "Image", max_pixels: int) -> Media:
    """A drawn picture as it comes out of a file, with at most `max_pixels`."""
    import numpy as np

    pixels = np.asarray(fit(compressed(rng, picture), max_pixels).convert("RGB"))
    return Media(pixels=pixels[None])


def _see_clip(clip: Clip, rng: random.Random) -> Media:
    import numpy as np
    from PIL import Image

    frames = draw_clip(clip, rng, rng.randint(64, 96))
    count = len(frames) * 2 // CLIP_FPS  # two frames a second
    if rng.random() < 0.5:
        chosen = np.linspace(0, len(frames) - 1, count).round().astype(int)
    else:
        chosen = np.arange(count) * (CLIP_FPS // 2) + rng.randrange(CLIP_FPS // 2)
    pixels = [
        np.asarray(
            fit(compressed(rng, Image.fromarray(frames[i])), FRAME_MAX_PIXELS).convert("RGB")
        )
        for i in chosen
    ]
    times = [(chosen[i] + chosen[i + 1]) / 2 / CLIP_FPS for i in range(0, count, 2)]
    return Media(pixels=np.stack(pixels), timestamps_s=tuple(float(t) for t in times))
