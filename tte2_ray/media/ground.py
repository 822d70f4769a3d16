"""What lies under a picture and around it: the ground that transparency and padding show."""

import math
from typing import TYPE_CHECKING

from tte2_ray.media.limits import MediaLimits

if TYPE_CHECKING:
    from PIL.Image import Image


def on_ground(image: "Image", notes: list[str]) -> "Image":
    """RGB, with transparency laid on white; on grey, where white would hide all there is."""
    if image.mode != "RGBA":
        return image if image.mode == "RGB" else image.convert("RGB")
    result = _laid_on(image, "white")
    if image.getchannel("A").getbbox() is None:
        notes.append("fully transparent: nothing to see")
    elif result.getextrema() == ((255, 255),) * 3:
        notes.append("white on transparent: laid on grey")
        return _laid_on(image, "grey")
    return result


def _laid_on(image: "Image", colour: str) -> "Image":
    from PIL import Image

    ground = Image.new("RGBA", image.size, colour)
    return Image.alpha_composite(ground, image).convert("RGB")


def pad_elongated(image: "Image", limits: MediaLimits, notes: list[str]) -> "Image":
    """Pads a picture that is more elongated than `max_aspect_ratio` with white, in its middle.

    The padding counts: a longer one is scaled down first, to stay within `max_pixels`.
    """
    from PIL import Image

    if min(image.size) * limits.max_aspect_ratio >= max(image.size):
        return image
    image = _shortened(image, limits, notes)
    width, height = image.size
    shortest = math.ceil(max(width, height) / limits.max_aspect_ratio)
    size = (max(width, shortest), max(height, shortest))
    padded = Image.new("RGB", size, "white")
    padded.paste(image, ((size[0] - width) // 2, (size[1] - height) // 2))
    notes.append(f"padded {width}x{height} to {size[0]}x{size[1]}")
    return padded


def _shortened(image: "Image", limits: MediaLimits, notes: list[str]) -> "Image":
    """Scaled so that its longer side, padded to the widest shape allowed, fits `max_pixels`."""
    from PIL.Image import Resampling

    aspect = limits.max_aspect_ratio
    short = max(1, math.floor(math.sqrt(limits.max_pixels / aspect)))
    longest = min(math.floor(short * aspect), limits.max_pixels // short)
    scale = longest / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, math.floor(side * scale)) for side in image.size)
    notes.append(f"scaled {image.width}x{image.height} to {width}x{height}")
    return image.resize((width, height), Resampling.LANCZOS)
