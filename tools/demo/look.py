"""How an item looks: the pixels that the models saw, as one small picture inside the page."""

from dataclasses import replace
from typing import TYPE_CHECKING

from tte2_ray.errors import RowError
from tte2_ray.media import DecodedVideo, MediaLimits, decode_item
from tte2_ray.media.thumbnail import thumbnail_data_uri
from tte2_ray.schema import Item

if TYPE_CHECKING:
    from PIL.Image import Image

_GAP = 2


def look(item: Item, limits: MediaLimits, height: int) -> str:
    """A picture as a data: URI; "" for text, and for media that cannot be read any more.

    Args:
        item: what is shown.
        limits: under which the models saw it.
        height: of the picture, in pixels.
    """
    try:
        decoded = decode_item(item, limits)
    except RowError:
        return ""  # the job has refused it, and its report says why
    if decoded.video is not None:
        decoded = replace(decoded, images=[mosaic(decoded.video)], video=None)
    return thumbnail_data_uri(decoded, height=height)


def mosaic(video: DecodedVideo) -> "Image":
    """Four frames from the first to the last, in two rows: a strip would be too small on a card."""
    import numpy as np
    from PIL import Image

    chosen = np.linspace(0, len(video.frames) - 1, 4).round().astype(int)
    rows, columns = video.frames.shape[1:3]
    sheet = Image.new("RGB", (2 * columns + _GAP, 2 * rows + _GAP), "white")
    for place, frame in enumerate(chosen):
        corner = (place % 2 * (columns + _GAP), place // 2 * (rows + _GAP))
        sheet.paste(Image.fromarray(video.frames[frame]), corner)
    return sheet
