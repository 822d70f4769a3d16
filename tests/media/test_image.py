"""Pictures: what is shown is upright and of a bounded size, what is not a picture is refused."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.media import files
from tests.media.conftest import Write, decode, refused
from tests.media.files import BLUE, GREEN, RED, shown_corner
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.schema import Item


def item(*uris: str) -> Item:
    return Item(item_id="i", image_uris=uris)


@pytest.mark.parametrize(
    ("image_format", "options"),
    [
        ("PNG", {}),
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("TIFF", {}),
        ("GIF", {}),
        ("AVIF", {"quality": 95}),
        ("JPEG2000", {}),
        ("PPM", {}),
    ],
)
def test_formats(write: Write, image_format: str, options: dict[str, object]) -> None:
    data = files.encoded(files.picture(), image_format, **options)
    decoded = decode(item(write("a", data)))
    (image,) = decoded.images
    assert (image.mode, image.size, decoded.notes) == ("RGB", (64, 48), "")
    assert [shown_corner(image, *at) for at in ((0.05, 0.05), (0.05, 0.9), (0.9, 0.9))] == [
        GREEN,
        RED,
        BLUE,
    ]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "TIFF", "PNG", "WEBP"])
def test_exif_orientation(write: Write, orientation: int, image_format: str) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = files.picture(640, 480)
    if orientation in undo:
        stored = stored.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = write("a", files.encoded(stored, image_format, exif=exif))
    for max_pixels, size in ((640 * 480, (640, 480)), (64 * 48, (64, 48))):
        (image,) = decode(item(path), max_pixels=max_pixels).images
        assert image.size == size
        assert shown_corner(image, 0.05, 0.05) == GREEN
        assert shown_corner(image, 0.9, 0.9) == BLUE


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_shown_and_noted(write: Write, image_format: str) -> None:
    more = [Image.new("RGB", (64, 48), c) for c in ("white", "black")]
    data = files.encoded(files.picture(), image_format, save_all=True, append_images=more)
    decoded = decode(item(write("a", data)))
    assert decoded.notes == "first of 3 frames"
    assert shown_corner(decoded.images[0], 0.9, 0.9) == BLUE


def test_large_pictures_are_scaled_down_with_a_note(write: Write) -> None:
    for image_format in ("JPEG", "PNG"):
        path = write("a", files.encoded(files.picture(2000, 1000), image_format))
        decoded = decode(item(path), max_pixels=20_000)
        assert decoded.images[0].size == (200, 100)
        assert decoded.notes == "scaled 2000x1000 to 200x100"
        assert shown_corner(decoded.images[0], 0.9, 0.9) == BLUE


def test_drafted_jpeg_looks_like_the_whole_one_scaled(write: Write) -> None:
    image = files.photo(1600, 1200)
    data = files.encoded(image, "JPEG", quality=95)
    (drafted,) = decode(item(write("a", data)), max_pixels=160 * 120).images
    whole = Image.open(BytesIO(data)).resize((160, 120), Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(drafted, int) - np.asarray(whole, int)).mean() < 3


def test_tiny_pictures_are_scaled_up(write: Write) -> None:
    decoded = decode(item(write("a.png", files.encoded(Image.new("RGB", (1, 1)), "PNG"))))
    assert decoded.images[0].size == (32, 32)
    assert decoded.notes == "scaled 1x1 to 32x32"


def test_threads_are_padded(write: Write) -> None:
    data = files.encoded(Image.new("RGB", (5000, 2)), "PNG")
    decoded = decode(item(write("a.png", data)), max_aspect_ratio=50)
    assert decoded.images[0].size == (5000, 100)
    assert "padded 5000x2 to 5000x100" in decoded.notes


@pytest.mark.parametrize("size", [(1_000_000, 1), (1, 60_000), (300_000, 300)])
def test_padding_keeps_to_max_pixels(write: Write, size: tuple[int, int]) -> None:
    data = files.encoded(Image.new("1", size), "PNG")
    for max_pixels in (2000, 100_000, 1_000_000):
        (image,) = decode(item(write("a.png", data)), max_pixels=max_pixels).images
        assert image.width * image.height <= max_pixels
        assert max(image.size) <= 100 * min(image.size)


def test_nothing_of_the_file_travels_with_the_pixels(write: Write) -> None:
    exif = Image.Exif()
    exif[0x010E] = "x" * 1000
    data = files.encoded(files.picture(), "JPEG", exif=exif, icc_profile=b"y" * 1000)
    (image,) = decode(item(write("a.jpg", data))).images
    assert type(image) is Image.Image
    assert image.info == {}


def test_damaged_exif_is_noted_not_fatal(write: Write) -> None:
    data = files.encoded(files.picture(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    decoded = decode(item(write("a.jpg", data)))
    assert decoded.images[0].size == (64, 48)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_truncated_is_corrupt(write: Write, image_format: str, keep: float) -> None:
    data = files.encoded(files.photo(256, 256), image_format)
    path = write("a", data[: int(keep * len(data))])
    assert refused(item(path)) is RowErrorClass.CORRUPT_MEDIA


@pytest.mark.parametrize(
    "data",
    [
        b"just text",
        b"<!DOCTYPE html><html><body>404</body></html>",
        files.pdf(),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        bytes(range(256)),
    ],
)
def test_what_is_no_picture_is_refused(write: Write, data: bytes) -> None:
    assert refused(item(write("a.png", data))) is RowErrorClass.UNSUPPORTED_TYPE


def test_a_whole_tiff_that_no_mode_holds_is_unsupported_and_a_damaged_one_corrupt(
    write: Write,
) -> None:
    """As scikit-image carries one: three channels of 64 bits."""
    data = files.deep_tiff(10, 10)
    with pytest.raises(RowError, match=r"a TIFF of 10x10 with 64\+64\+64 bits a pixel") as caught:
        decode(item(write("a.tif", data)))
    assert caught.value.error_class is RowErrorClass.UNSUPPORTED_TYPE
    assert refused(item(write("b.tif", data[:-1]))) is RowErrorClass.CORRUPT_MEDIA


def test_zero_bytes(write: Write) -> None:
    assert refused(item(write("a.png", b""))) is RowErrorClass.EMPTY_FILE


def test_a_picture_beyond_the_limit_is_refused_by_its_header(write: Write) -> None:
    for side in (10_001, 20_000, 60_000):
        path = write("a.png", files.claimed_png(side, side))
        with pytest.raises(RowError, match="max_source_pixels 100000000") as caught:
            decode(item(path))
        assert caught.value.error_class is RowErrorClass.TOO_LARGE
    assert refused(item(write("a.png", files.claimed_png(50, 50)))) is RowErrorClass.CORRUPT_MEDIA


def test_the_limit_may_be_above_pillows_own(write: Write) -> None:
    path = write("a.png", files.encoded(Image.new("1", (15_000, 13_000)), "PNG"))
    (image,) = decode(item(path), max_source_pixels=200_000_000).images
    assert image.width * image.height <= 1024 * 1024


def test_too_many_pictures(write: Write) -> None:
    path = write("a.png", files.encoded(files.picture(), "PNG"))
    assert len(decode(item(*[path] * 3), max_images=3).images) == 3
    assert refused(item(*[path] * 4), max_images=3) is RowErrorClass.TOO_LARGE
