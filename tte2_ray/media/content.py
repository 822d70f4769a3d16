"""The parts of an item that a model sees, fetched one at a time, and the key over them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.fetch import fetch
from tte2_ray.media.limits import MediaLimits
from tte2_ray.schema import Item

PartKind = Literal["text", "image", "video", "document", "page"]

_KEY_VERSION = b"1"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of an item: its raw bytes, and the URI they came from ("" for what is no file)."""

    kind: PartKind
    data: bytes
    uri: str = ""


class ContentHasher:
    """The content key, from parts that need not be held together.

    Ids, URIs and metadata are left out: no model sees them. Each field is prefixed by its length,
    so that no two items with different parts share a key.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._field(_KEY_VERSION)

    def add(self, part: Part) -> None:
        """Takes the next part in."""
        self._field(part.kind.encode())
        self._field(hashlib.sha256(part.data).digest())

    def hexdigest(self) -> str:
        """64 hex digits over the parts so far."""
        return self._hash.hexdigest()

    def _field(self, data: bytes) -> None:
        self._hash.update(len(data).to_bytes(8, "big"))
        self._hash.update(data)


def fetch_parts(item: Item, limits: MediaLimits) -> Iterator[Part]:
    """Fetches the parts of an item in the order of its key: text, pictures, video, document, page.

    Raises:
        RowError: `empty_row`, `bad_encoding`, `too_large`, and what `fetch` raises.
    """
    if item.is_empty:
        message = f"item {item.item_id!r} has no text and no media"
        raise RowError(RowErrorClass.EMPTY_ROW, message)
    if len(item.image_uris) > limits.max_images:
        message = f"{len(item.image_uris)} pictures, over max_images {limits.max_images}"
        raise RowError(RowErrorClass.TOO_LARGE, message)
    try:
        yield Part(kind="text", data=item.text.encode())
    except UnicodeEncodeError as error:  # half of a surrogate pair, as JSON can spell it
        message = f"the text is not Unicode at character {error.start}: {error.reason}"
        raise RowError(RowErrorClass.BAD_ENCODING, message) from error
    for uri in item.image_uris:
        yield Part(kind="image", data=fetch(uri, limits), uri=uri)
    if item.video_uri:
        yield Part(kind="video", data=fetch(item.video_uri, limits), uri=item.video_uri)
    if item.document_uri:
        uri = item.document_uri
        yield Part(kind="document", data=fetch(uri, limits), uri=uri)
        yield Part(kind="page", data=str(item.document_page).encode())


def content_sha256(item: Item, limits: MediaLimits) -> str:
    """The content key of an item without decoding it: tells whether it changed.

    Raises:
        RowError: what `fetch_parts` raises.
    """
    hasher = ContentHasher()
    for part in fetch_parts(item, limits):
        hasher.add(part)
    return hasher.hexdigest()
