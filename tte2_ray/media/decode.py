"""An item, as a model may be shown it."""

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.content import ContentHasher, Part, fetch_parts
from tte2_ray.media.decoders import Seen, Visual, VisualKind, decode_visual
from tte2_ray.media.isolated import decode_isolated
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.sniff import sniff
from tte2_ray.media.uri import shown
from tte2_ray.media.video import DecodedVideo
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
class _Made:
    """A `DecodedItem` in the making."""

    left_s: float
    """Of the time that its decoders may take."""
    texts: list[str] = field(default_factory=list)
    images: list["Image"] = field(default_factory=list)
    video: DecodedVideo | None = None
    notes: list[str] = field(default_factory=list)


def decode_item(item: Item, limits: MediaLimits) -> DecodedItem:
    """Fetches and decodes an item; of its raw files no more than one is held at a time.

    Files are fetched here, where credentials and connections are, and hashed here, so that nothing
    a decoder does can change the content key. Decoders run in a process of their own, unless
    `isolate` is off: then they run here, without a bound on time and memory.

    Args:
        item: what to decode.
        limits: what may be fetched, and how much of it the model sees.

    Raises:
        RowError: whatever is wrong with the item; never another error because of its files.
    """
    hasher, made = ContentHasher(), _Made(left_s=limits.decode_timeout_s)
    for part in fetch_parts(item, limits):
        hasher.add(part)
        _add(part, item, limits, made)
    return DecodedItem(
        text=_clipped("\n\n".join(text for text in made.texts if text), limits, made.notes),
        images=made.images,
        video=made.video,
        content_sha256=hasher.hexdigest(),
        notes="; ".join(made.notes),
    )


def count_pages(data: bytes, uri: str, limits: MediaLimits) -> int:
    """How many pages a PDF has.

    Args:
        data: the file.
        uri: its name, for messages.
        limits: what it may cost to find out.

    Raises:
        RowError: `corrupt_media`, `encrypted`, `decoder_died`.
    """
    visual = Visual(kind="pages", data=data, uri=uri)
    return _seen(visual, limits, limits.decode_timeout_s).pages


def _seen(visual: Visual, limits: MediaLimits, timeout_s: float) -> Seen:
    if limits.isolate:
        return decode_isolated(visual, limits, timeout_s)
    return decode_visual(visual, limits)


def _add(part: Part, item: Item, limits: MediaLimits, made: _Made) -> None:
    match part.kind:
        case "text":
            made.texts.append(item.text)
        case "document" if _is_text(part):
            made.texts.append(_decode_text(part, item.document_page))
        case "image" | "video" | "document" as kind:
            _add_visual(part, kind, item, limits, made)


def _add_visual(part: Part, kind: VisualKind, item: Item, limits: MediaLimits, made: _Made) -> None:
    visual = Visual(kind=kind, data=part.data, uri=part.uri, page=item.document_page)
    began = time.monotonic()
    seen = _seen(visual, limits, made.left_s)
    made.left_s -= time.monotonic() - began
    if seen.image is not None:
        made.images.append(seen.image)
    if seen.video is not None:
        made.video = seen.video
    made.notes += seen.notes


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
