"""One picture: its header checked before it is decoded, then upright RGB on white, bounded."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.bounded import one_line
from tte2_ray.media.ground import on_ground, pad_elongated
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.size import fit_size
from tte2_ray.media.sniff import describe, sniff
from tte2_ray.media.tiff import unknown_variant
from tte2_ray.media.uri import shown

if TYPE_CHECKING:
    from PIL.Image import Image

# JPEG stands for MPO too. None whose decoder runs a program of the file (EPS).
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "AVIF", "JPEG2000", "PPM")
_MANY_FRAMES = ("GIF", "WEBP", "PNG", "AVIF", "TIFF")
_ORIENTATION_TAG = 0x0112
_DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


@contextmanager
def decoding(uri: str) -> Iterator[None]:
    """Turns what a decoder raises on damaged bytes into a row error.

    Decoders raise nearly every exception there is on hostile bytes, so this takes all of them:
    wrap what reads a decoder's answer with it, and little else.

    Raises:
        RowError: `corrupt_media`, or `too_large` where the file made the decoder ask for more
            memory than there is.
    """
    try:
        yield
    except RowError:
        raise
    except MemoryError as error:
        message = f"{shown(uri)}: its decoder needs more memory than decode_memory_mb allows"
        raise RowError(RowErrorClass.TOO_LARGE, message) from error
    except Exception as error:
        message = f"{shown(uri)}: cannot be decoded: {one_line(error)}"
        raise RowError(RowErrorClass.CORRUPT_MEDIA, message) from error


def decode_image(
    data: bytes, uri: str, limits: MediaLimits, *, page: int | None = None
) -> tuple["Image", list[str]]:
    """Decodes a picture.

    Args:
        data: the file.
        uri: its name, for messages.
        limits: pixel bounds.
        page: zero-based page, where the picture is a document (a scan, a multi-page TIFF).

    Returns:
        The picture (RGB, upright, transparency on white, area within the bounds), and notes on
        what was left out or scaled.

    Raises:
        RowError: `unsupported_type`, `corrupt_media`, `too_large`, `no_such_page`.
    """
    image = _open(data, uri, limits)
    with decoding(uri), image:
        notes = _seek(image, page, uri)
        _check_pixels(image, uri, limits)
        result = _upright(_loaded(image, limits, notes), _orientation(image, notes))
    return pad_elongated(on_ground(result, notes), limits, notes), notes


def _open(data: bytes, uri: str, limits: MediaLimits) -> "Image":
    from PIL import Image, UnidentifiedImageError

    if sniff(data) != "image":
        raise RowError(
            RowErrorClass.UNSUPPORTED_TYPE, f"{shown(uri)}: no picture: {describe(data)}"
        )
    _prepare_pillow()
    # Pillow's own guard is raised to this limit, never lowered or removed.
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, limits.max_source_pixels)
    with decoding(uri):
        try:
            return Image.open(BytesIO(data), formats=_FORMATS)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            message = (  # Pillow names a limit of its own, twice ours
                f"{shown(uri)}: far over max_source_pixels {limits.max_source_pixels}: {error}"
            )
            raise RowError(RowErrorClass.TOO_LARGE, message) from error
        except UnidentifiedImageError as error:
            if variant := unknown_variant(data):
                message = f"{shown(uri)}: {variant}; convert the file"
                raise RowError(RowErrorClass.UNSUPPORTED_TYPE, message) from error
            message = f"{shown(uri)}: its header is damaged, or a variant that is not supported"
            raise RowError(RowErrorClass.CORRUPT_MEDIA, message) from error


@cache
def _prepare_pillow() -> None:
    from PIL import Image

    Image.init()  # `formats` may name only what is registered
    # It warns between our limit and twice that; `_check_pixels` refuses those, and says so.
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)


def _seek(image: "Image", page: int | None, uri: str) -> list[str]:
    frames = int(getattr(image, "n_frames", 1)) if image.format in _MANY_FRAMES else 1
    if page is None:
        return [f"first of {frames} frames"] if frames > 1 else []
    pages = frames if image.format == "TIFF" else 1
    if not 0 <= page < pages:
        raise RowError(RowErrorClass.NO_SUCH_PAGE, f"{shown(uri)}: page {page} of {pages}")
    if page:
        image.seek(page)
    return first_page_note(page, pages)


def first_page_note(page: int, pages: int) -> list[str]:
    """A note that other pages were left out, where nobody may have asked for this one.

    A row that names no page means the first.
    """
    return [f"page 1 of {pages}"] if page == 0 and pages > 1 else []


def _check_pixels(image: "Image", uri: str, limits: MediaLimits) -> None:
    pixels = image.width * image.height
    if pixels > limits.max_source_pixels:
        raise RowError(
            RowErrorClass.TOO_LARGE,
            f"{shown(uri)}: {image.width}x{image.height} pixels, "
            f"over max_source_pixels {limits.max_source_pixels}",
        )
    if pixels == 0:
        raise RowError(RowErrorClass.CORRUPT_MEDIA, f"{shown(uri)}: a picture without pixels")


def _orientation(image: "Image", notes: list[str]) -> int:
    try:
        with decoding("EXIF"):
            value = image.getexif().get(_ORIENTATION_TAG, 1)
    except RowError as error:  # the picture itself is whole
        notes.append(f"orientation unknown: {error.message}")
        return 1
    return value if isinstance(value, int) else 1


def _upright(image: "Image", orientation: int) -> "Image":
    from PIL.Image import Transpose

    method = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)
    return image if method is None else image.transpose(method)


def _loaded(image: "Image", limits: MediaLimits, notes: list[str]) -> "Image":
    """The pixels, scaled to the bounds: a copy that holds nothing of the file."""
    from PIL.Image import Resampling

    size = image.size
    width, height = _fitted(size, limits)
    # JPEG only: decodes at 1/2, 1/4 or 1/8 where that is well above the size asked for.
    drafted = image.draft(None, (3 * width // 2, 3 * height // 2)) is not None
    image.load()
    if not drafted and image.size != size:  # Pillow turns a TIFF upright while loading it
        size = image.size
        width, height = _fitted(size, limits)
    pixels = _eight_bit(image)
    if pixels.size == (width, height):
        pixels = pixels.copy()
    else:
        pixels = pixels.resize((width, height), Resampling.LANCZOS, reducing_gap=3.0)
    if size != (width, height):
        notes.append(f"scaled {size[0]}x{size[1]} to {width}x{height}")
    pixels.info.clear()
    return pixels


def _fitted(size: tuple[int, int], limits: MediaLimits) -> tuple[int, int]:
    return fit_size(*size, min_pixels=limits.min_pixels, max_pixels=limits.max_pixels)


def _eight_bit(image: "Image") -> "Image":
    """The picture in a mode that can be resampled: 8 bits a channel, no palette, no colour key."""
    if image.mode in _DEEP_MODES:
        return _from_deep(image)
    if image.mode == "1":
        return image.convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _from_deep(image: "Image") -> "Image":
    """16-bit grey keeps its scale (65535 is white); wider integers and floats span their range."""
    import numpy as np
    from PIL import Image

    values = np.nan_to_num(np.asarray(image), posinf=0.0, neginf=0.0).astype(np.float32)
    low, high = 0.0, 65535.0
    if image.mode == "F" or values.min() < 0 or values.max() > high:
        low, high = float(values.min()), float(values.max())
    scaled = (values - low) * (255.0 / max(high - low, 1e-12))
    return Image.fromarray(scaled.clip(0, 255).astype(np.uint8))
