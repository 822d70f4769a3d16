"""A decoded item as one small picture inside a report page."""

import base64
from io import BytesIO
from typing import TYPE_CHECKING

from tte2_ray.media.decode import DecodedItem

if TYPE_CHECKING:
    from PIL.Image import Image

_GAP = 2


def thumbnail_data_uri(
    decoded: DecodedItem, *, height: int = 120, max_width: int = 480, max_tiles: int = 4
) -> str:
    """A JPEG as a `data:` URI: the item's pictures and pages, then frames of its video, in a row.

    Args:
        decoded: the item.
        height: of the row, in pixels.
        max_width: of the row, in pixels; a wider one is scaled down.
        max_tiles: most pictures and frames shown; frames are spread over the video.

    Returns:
        "" for an item that is text only.
    """
    tiles = [_tile(image, height) for image in _pictures(decoded, max_tiles)]
    if not tiles:
        return ""
    strip = _strip(tiles, height)
    strip.thumbnail((max_width, height))
    buffer = BytesIO()
    strip.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _pictures(decoded: DecodedItem, count: int) -> list["Image"]:
    from PIL import Image

    pictures = decoded.images[:count]
    if decoded.video is None or len(pictures) == count:
        return pictures
    frames = decoded.video.frames
    wanted = min(count - len(pictures), len(frames))
    return pictures + [Image.fromarray(frames[i * len(frames) // wanted]) for i in range(wanted)]


def _tile(image: "Image", height: int) -> "Image":
    from PIL.Image import Resampling

    width = max(1, min(round(image.width * height / image.height), 10 * height))
    return image.resize((width, height), Resampling.LANCZOS, reducing_gap=2.0)


def _strip(tiles: list["Image"], height: int) -> "Image":
    from PIL import Image

    width = sum(tile.width + _GAP for tile in tiles) - _GAP
    strip = Image.new("RGB", (width, height), "white")
    left = 0
    for tile in tiles:
        strip.paste(tile, (left, 0))
        left += tile.width + _GAP
    return strip
