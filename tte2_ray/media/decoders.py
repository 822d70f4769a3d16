"""Which decoder reads a part of an item that is no text. Here nothing is isolated: what a decoder
does on hostile bytes, it does to the process that runs it (`media.isolated` runs it in another).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tte2_ray.media.document import count_pages, decode_page
from tte2_ray.media.image import decode_image
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.video import DecodedVideo, decode_video

if TYPE_CHECKING:
    from PIL.Image import Image

VisualKind = Literal["image", "video", "document", "pages"]
"""`pages`: a document of which only their number is asked."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Visual:
    """The bytes of a picture, a video or a visual document."""

    kind: VisualKind
    data: bytes
    uri: str
    """Its name, for messages."""
    page: int = 0
    """Of a document, zero-based."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What a model is shown of it: a picture (RGB), or the frames of a video."""

    image: "Image | None" = None
    video: DecodedVideo | None = None
    notes: tuple[str, ...] = ()
    """What was cut, scaled or sampled."""
    pages: int = 0
    """How many there are, where that was asked."""


def decode_visual(visual: Visual, limits: MediaLimits) -> Seen:
    """Decodes one file, in this process.

    Raises:
        RowError: `unsupported_type`, `corrupt_media`, `encrypted`, `no_such_page`, `too_large`.
    """
    data, uri = visual.data, visual.uri
    if visual.kind == "video":
        video, notes = decode_video(data, uri, limits)
        return Seen(video=video, notes=tuple(notes))
    if visual.kind == "pages":
        return Seen(pages=count_pages(data, uri))
    if visual.kind == "document":
        image, notes = decode_page(data, uri, visual.page, limits)
    else:
        image, notes = decode_image(data, uri, limits)
    return Seen(image=image, notes=tuple(notes))
