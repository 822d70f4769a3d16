"""How large a picture is shown to the model."""

import math


def fit_size(width: int, height: int, *, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """The size, in pixels, of the same shape whose area lies within the bounds.

    Rounding never exceeds `max_pixels`; each side is at least 1.

    >>> fit_size(4000, 1000, min_pixels=1, max_pixels=1_000_000)
    (2000, 500)
    >>> fit_size(10, 10, min_pixels=400, max_pixels=1_000_000)
    (20, 20)
    """
    area = width * height
    if area > max_pixels:
        scale = math.sqrt(max_pixels / area)
        new_width = min(max(1, math.floor(width * scale)), max_pixels)
        return new_width, max(1, min(math.floor(height * scale), max_pixels // new_width))
    if area < min_pixels:
        scale = math.sqrt(min_pixels / area)
        new_width, new_height = math.ceil(width * scale), math.ceil(height * scale)
        if new_width * new_height <= max_pixels:
            return new_width, new_height
    return width, height
