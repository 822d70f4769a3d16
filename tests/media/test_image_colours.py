"""Colours of pictures: whatever a file stores, what is shown is 8-bit RGB on white."""

import numpy as np
import pytest
from PIL import Image

from tests.media import files
from tests.media.conftest import Write, decode
from tests.media.files import BLUE, GREEN, RED, WHITE, shown_corner
from tte2_ray.schema import Item


def item(uri: str) -> Item:
    return Item(item_id="i", image_uris=(uri,))


def test_cmyk_jpeg_keeps_its_colours(write: Write) -> None:
    data = files.encoded(files.picture().convert("CMYK"), "JPEG", quality=95)
    (image,) = decode(item(write("a.jpg", data))).images
    assert shown_corner(image, 0.05, 0.9) == RED
    assert shown_corner(image, 0.9, 0.9) == BLUE


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(write: Write, image_format: str) -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    data = files.encoded(Image.fromarray(ramp), image_format)
    (image,) = decode(item(write("a", data))).images
    assert image.mode == "RGB"
    assert np.abs(np.asarray(image)[..., 0] - ramp / 257.0).max() <= 1


def test_float_tiff_spans_its_range(write: Write) -> None:
    ramp = np.linspace(-2, 2, 64 * 64).reshape(64, 64).astype(np.float32)
    ramp[0, 0] = np.nan
    (image,) = decode(item(write("a.tif", files.encoded(Image.fromarray(ramp), "TIFF")))).images
    assert image.getpixel((63, 63)) == WHITE
    assert image.getpixel((1, 0)) == (0, 0, 0)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_white(write: Write, mode: str) -> None:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (32, 0, 64, 64))
    data = files.encoded(image.quantize(4) if mode == "P" else image.convert(mode), "PNG")
    (decoded,) = decode(item(write("a.png", data))).images
    assert decoded.getpixel((5, 5)) == WHITE
    assert decoded.getpixel((60, 5)) == (0, 0, 0)


def test_transparent_palette_index_and_colour_key(write: Write) -> None:
    palette = files.picture().quantize(4)
    index = palette.getpixel((2, 2))
    key = files.encoded(files.picture(), "PNG", transparency=GREEN)
    for data in (files.encoded(palette, "PNG", transparency=index), key):
        (image,) = decode(item(write("a.png", data))).images
        assert shown_corner(image, 0.05, 0.05) == WHITE
        assert shown_corner(image, 0.9, 0.9) == BLUE


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_white_on_transparent_does_not_vanish(write: Write, mode: str) -> None:
    """As many icons and one football pitch of the Open Clip Art Library are drawn."""
    image = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (32, 0, 64, 64))
    data = files.encoded(image.quantize(4) if mode == "P" else image.convert(mode), "PNG")
    decoded = decode(item(write("a.png", data)))
    assert decoded.notes == "white on transparent: laid on grey"
    assert decoded.images[0].getpixel((60, 5)) == WHITE
    assert decoded.images[0].getpixel((5, 5)) == (128, 128, 128)


def test_a_picture_of_which_nothing_is_visible_says_so(write: Write) -> None:
    data = files.encoded(Image.new("RGBA", (64, 64), (9, 9, 9, 0)), "PNG")
    decoded = decode(item(write("a.png", data)))
    assert decoded.notes == "fully transparent: nothing to see"
    assert decoded.images[0].getpixel((5, 5)) == WHITE


@pytest.mark.parametrize("mode", ["1", "L"])
def test_black_and_white_and_grey(write: Write, mode: str) -> None:
    data = files.encoded(Image.new(mode, (64, 64), 255), "PNG")
    (image,) = decode(item(write("a.png", data))).images
    assert image.mode == "RGB"
    assert image.getpixel((5, 5)) == WHITE
