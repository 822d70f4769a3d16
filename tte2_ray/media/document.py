"""One page of a visual document as a picture: PDF, or a scan that is a picture itself."""

import math
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.ground import pad_elongated
from tte2_ray.media.image import decode_image, decoding, first_page_note
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.sniff import describe, sniff
from tte2_ray.media.uri import shown

if TYPE_CHECKING:
    from PIL.Image import Image

# PDFium keeps state of the process: no two of its calls may run at once.
_PDFIUM = threading.Lock()


def decode_page(data: bytes, uri: str, page: int, limits: MediaLimits) -> tuple["Image", list[str]]:
    """Renders a page.

    Args:
        data: the file, a PDF or a picture (a multi-page TIFF counts its pages).
        uri: its name, for messages.
        page: zero-based.
        limits: a page is shown at `document_max_pixels`.

    Returns:
        The page (RGB on white), and notes on what was left out or scaled.

    Raises:
        RowError: `unsupported_type`, `corrupt_media`, `encrypted`, `no_such_page`, `too_large`.
    """
    limits = replace(limits, max_pixels=limits.document_max_pixels)
    kind = sniff(data)
    if kind == "image":
        return decode_image(data, uri, limits, page=page)
    if kind != "pdf":
        message = f"{shown(uri)}: no PDF, picture or text document: {describe(data)}"
        raise RowError(RowErrorClass.UNSUPPORTED_TYPE, message)
    notes: list[str] = []
    with _PDFIUM, decoding(uri):
        rendered = _render(data, uri, page, limits, notes)
    return pad_elongated(rendered, limits, notes), notes


def count_pages(data: bytes, uri: str) -> int:
    """How many pages a PDF has.

    Raises:
        RowError: `corrupt_media`, `encrypted`.
    """
    with _PDFIUM, decoding(uri):
        document = _open(data, uri)
        try:
            return len(document)
        finally:
            document.close()


def _render(data: bytes, uri: str, page: int, limits: MediaLimits, notes: list[str]) -> "Image":
    document = _open(data, uri)
    try:
        document.init_forms()  # or what was filled into a form is not drawn
        if not 0 <= page < len(document):
            message = f"{shown(uri)}: page {page} of {len(document)}"
            raise RowError(RowErrorClass.NO_SUCH_PAGE, message)
        notes += first_page_note(page, len(document))
        sheet = document[page]
        width, height = sheet.get_size()
        if not (0 < width < math.inf and 0 < height < math.inf):
            message = f"{shown(uri)}: page {page} has no area"
            raise RowError(RowErrorClass.CORRUPT_MEDIA, message)
        _check_pictures(sheet, uri, limits)
        scale = page_scale(width, height, limits.max_pixels)
        bitmap = sheet.render(scale=scale, rev_byteorder=True)
        rendered: Image = bitmap.to_pil().convert("RGB").copy()  # outlives the bitmap's memory
        bitmap.close()
        sheet.close()
    finally:
        document.close()
    return rendered


def _open(data: bytes, uri: str) -> Any:
    import pypdfium2
    from pypdfium2 import raw

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            message = f"{shown(uri)}: the PDF is encrypted"
            raise RowError(RowErrorClass.ENCRYPTED, message) from error
        raise


def _check_pictures(sheet: Any, uri: str, limits: MediaLimits) -> None:
    """Holds the pictures on a page to `max_source_pixels`, as their headers state them."""
    from pypdfium2 import raw

    for picture in sheet.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]):
        width, height = picture.get_px_size()
        if width * height > limits.max_source_pixels:
            raise RowError(
                RowErrorClass.TOO_LARGE,
                f"{shown(uri)}: a picture of {width}x{height} pixels on the page, "
                f"over max_source_pixels {limits.max_source_pixels}",
            )


def page_scale(width: float, height: float, max_pixels: int) -> float:
    """The scale, in pixels a point, at which a page fills at most `max_pixels`.

    >>> scale = page_scale(612, 792, 1_000_000)
    >>> 990_000 < math.ceil(612 * scale) * math.ceil(792 * scale) <= 1_000_000
    True
    """
    scale = math.sqrt(max_pixels / (width * height))
    while math.ceil(width * scale) * math.ceil(height * scale) > max_pixels:
        over = math.ceil(width * scale) * math.ceil(height * scale) / max_pixels
        scale *= min(0.9999, 1 / over)
        if max(width, height) * scale <= max_pixels and min(width, height) * scale <= 1:
            break  # one row of pixels: no scale does better
    return scale
