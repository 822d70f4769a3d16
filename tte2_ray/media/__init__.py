"""From an item's URIs to bounded pixels, text and a content key; no Ray, no engine.

    fetch (allowed, bounded) ─▶ in a child: sniff (bytes, not names), image │ video │ document
                             ─▶ DecodedItem

Whatever is wrong with a file becomes a `RowError`; whatever is cut, scaled or sampled is a note.
"""

from tte2_ray.media.content import content_sha256
from tte2_ray.media.decode import DecodedItem, decode_item
from tte2_ray.media.limits import DECODER_VERSION, MediaLimits
from tte2_ray.media.video import DecodedVideo

__all__ = [
    "DECODER_VERSION",
    "DecodedItem",
    "DecodedVideo",
    "MediaLimits",
    "content_sha256",
    "decode_item",
]
