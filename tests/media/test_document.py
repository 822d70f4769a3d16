"""Pages: rendered at the limit, and refused with the reason."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from tests.media import files
from tests.media.conftest import Write, decode, refused
from tte2_ray.errors import RowErrorClass
from tte2_ray.schema import Item


def item(uri: str, page: int = 0) -> Item:
    return Item(item_id="i", document_uri=uri, document_page=page)


@pytest.mark.parametrize("size", [(300, 400), (612, 792), (20, 20), (14_000, 14_000), (2000, 30)])
def test_a_page_fills_document_max_pixels(write: Write, size: tuple[float, float]) -> None:
    decoded = decode(item(write("a.pdf", files.pdf(1, size=size))), document_max_pixels=200_000)
    (image,) = decoded.images
    assert image.mode == "RGB"
    assert 0.97 * 200_000 < image.width * image.height <= 200_000
    assert image.getpixel((image.width // 50, image.height // 10)) == (255, 0, 0)
    assert image.getpixel((image.width - 1, 0)) == (255, 255, 255)


def test_an_elongated_page_keeps_to_the_limit(write: Write) -> None:
    for size in ((14_000.0, 3.0), (3.0, 14_000.0)):
        path = write("a.pdf", files.pdf(1, size=size))
        (image,) = decode(item(path), document_max_pixels=200_000).images
        assert image.width * image.height <= 200_000
        assert max(image.size) <= 100 * min(image.size)


def test_pages_differ(write: Write) -> None:
    path = write("a.pdf", files.pdf(3))
    pages = [np.asarray(decode(item(path, page)).images[0]) for page in range(3)]
    assert not np.array_equal(pages[0], pages[1])
    keys = {decode(item(path, page)).content_sha256 for page in range(3)}
    assert len(keys) == 3


def test_a_note_says_which_pages_a_row_without_a_page_left_out(write: Write) -> None:
    path = write("a.pdf", files.pdf(3))
    assert decode(Item(item_id="i", document_uri=path)).notes == "page 1 of 3"
    assert decode(item(path, 2)).notes == ""
    assert decode(item(write("b.pdf", files.pdf(1)))).notes == ""


@pytest.mark.parametrize("page", [2, 10**6, -1])
def test_page_out_of_range(write: Write, page: int) -> None:
    path = write("a.pdf", files.pdf(2))
    assert refused(item(path, page)) is RowErrorClass.NO_SUCH_PAGE


def test_encrypted(write: Write) -> None:
    path = write("a.pdf", files.pdf(password="secret"))
    assert refused(item(path)) is RowErrorClass.ENCRYPTED


@pytest.mark.parametrize("keep", [0.01, 0.3])
def test_damaged(write: Write, keep: float) -> None:
    data = files.pdf()
    path = write("a.pdf", data[: int(keep * len(data))])
    assert refused(item(path)) is RowErrorClass.CORRUPT_MEDIA


@pytest.mark.parametrize("data", [b"text", b"<html></html>", files.clip(2)])
def test_what_is_no_document(write: Write, data: bytes) -> None:
    assert refused(item(write("a.pdf", data))) is RowErrorClass.UNSUPPORTED_TYPE


def test_zero_bytes(write: Write) -> None:
    assert refused(item(write("a.pdf", b""))) is RowErrorClass.EMPTY_FILE


def test_a_picture_on_a_page_is_held_to_the_limit(write: Write) -> None:
    path = write("a.pdf", files.pdf_with_picture(Image.new("L", (2000, 2000))))
    assert decode(item(path)).images
    assert refused(item(path), max_source_pixels=3_999_999) is RowErrorClass.TOO_LARGE


def test_a_scan_is_a_page(write: Write) -> None:
    sheets = [Image.new("RGB", (64, 64), c) for c in ("red", "blue")]
    data = files.encoded(sheets[0], "TIFF", save_all=True, append_images=sheets[1:])
    path = write("a.tif", data)
    decoded = decode(item(path, 1))
    assert decoded.images[0].getpixel((5, 5)) == (0, 0, 255)
    assert decoded.notes == ""
    assert decode(item(path)).notes == "page 1 of 2"
    assert refused(item(path, 2)) is RowErrorClass.NO_SUCH_PAGE
    png = write("a.png", files.encoded(sheets[0], "PNG"))
    assert refused(item(png, 1)) is RowErrorClass.NO_SUCH_PAGE


def test_pages_from_many_threads(write: Write) -> None:
    path = write("a.pdf", files.pdf(4))
    alone = [np.asarray(decode(item(path, page)).images[0]) for page in range(4)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda n: decode(item(path, n % 4)).images[0], range(40)))
    for n, image in enumerate(together):
        assert np.array_equal(np.asarray(image), alone[n % 4])
