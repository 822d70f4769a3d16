"""An item, as a model may be shown it."""

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.content import ContentHasher, Part, fetch_parts
from tte2_ray.media.document import decode_page
from tte2_ray.media.image import decode_image
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.sniff import sniff
from tte2_ray.media.uri import shown
from tte2_ray.media.video import DecodedVideo, decode_video
from tte2_ray.schema import Item

if TYPE_CHECKING:
    from PIL.Image import Image

TEXT_EXTENSIONS = (".txt", ".text", ".md")


@dataclass(frozen=True, kw_only=True, eq=False)
class DecodedItem:
    """What a model sees of an item, within the limits."""

    text: str
    """The item's text, then that of its text document."""
    images: list["Image"]
    """RGB: its pictures in order, then its document's page."""
    video: DecodedVideo | None
    """Its sampled frames."""
    content_sha256: str
    """The item's content key: over the raw text and media, whatever the limits cut from them."""
    notes: str
    """What was cut, scaled or sampled, "; " between; "" for nothing."""


@dataclass(kw_only=True)
class _Seen:
    """A `DecodedItem` in the making."""

    texts: list[str] = field(default_factory=list)
    images: list["Image"] = field(default_factory=list)
    video: DecodedVideo | None = None
    notes: list[str] = field(default_factory=list)


def decode_item(item: Item, limits: MediaLimits) -> DecodedItem:
    """Fetches and decodes an item; of its raw files no more than one is held at a time.

    Args:
        item: what to decode.
        limits: what may be fetched, and how much of it the model sees.

    Raises:
        RowError: whatever is wrong with the item; never another error because of its files.
    """
    hasher, seen = ContentHasher(), _Seen()
    for part in fetch_parts(item, limits):
        hasher.add(part)
        _see(part, item, limits, seen)
    return DecodedItem(
        text=_clipped("\n\n".join(text for text in seen.texts if text), limits, seen.notes),
        images=seen.images,
        video=seen.video,
        content_sha256=hasher.hexdigest(),
        notes="; ".join(seen.notes),
    )


def _see(part: Part, item: Item, limits: MediaLimits, seen: _Seen) -> None:
    notes: list[str] = []
    match part.kind:
        case "text":
            seen.texts.append(item.text)
        case "image":
            image, notes = decode_image(part.data, part.uri, limits)
            seen.images.append(image)
        case "video":
            seen.video, notes = decode_video(part.data, part.uri, limits)
        case "document" if _is_text(part):
            seen.texts.append(_decode_text(part, item.document_page))
        case "document":
            image, notes = decode_page(part.data, part.uri, item.document_page, limits)
            seen.images.append(image)
    seen.notes += notes


def _is_text(part: Part) -> bool:
    name = shown(part.uri).removesuffix("?…").lower()
    return os.path.splitext(name)[1] in TEXT_EXTENSIONS and sniff(part.data) == "unknown"


def _decode_text(part: Part, page: int) -> str:
    if page:
        message = f"{shown(part.uri)}: page {page} of a text file, which has one"
        raise RowError(RowErrorClass.NO_SUCH_PAGE, message)
    if b"\0" in part.data and not part.data.startswith((b"\xff\xfe", b"\xfe\xff")):
        message = f"{shown(part.uri)} is no text: it holds zero bytes"
        raise RowError(RowErrorClass.UNSUPPORTED_TYPE, message)
    try:
        return part.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{shown(part.uri)}: not UTF-8 at byte {error.start}; convert the file"
        raise RowError(RowErrorClass.BAD_ENCODING, message) from error


def _clipped(text: str, limits: MediaLimits, notes: list[str]) -> str:
    if len(text) <= limits.max_text_chars:
        return text
    notes.append(f"text {len(text)} -> {limits.max_text_chars} characters")
    return text[: limits.max_text_chars]
