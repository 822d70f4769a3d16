"""A decoder's answer as a frame, and back: made by a child, believed by no parent.

Letters: T frames, H height, W width.
"""

import math
from typing import Any

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.decoders import Seen, VisualKind
from tte2_ray.media.isolated.wire import Header, WireError
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.video import DecodedVideo

_OF_FILES = frozenset((
    RowErrorClass.UNSUPPORTED_TYPE, RowErrorClass.CORRUPT_MEDIA, RowErrorClass.ENCRYPTED,
    RowErrorClass.NO_SUCH_PAGE, RowErrorClass.TOO_LARGE,
))  # fmt: skip
"""What a decoder may refuse a file for."""
_RGB = 3
_MAX_NOTES = 32
_MAX_CHARS = 1000


def seen_frame(seen: Seen) -> tuple[dict[str, Any], bytes | memoryview]:
    """Header and body of what was seen."""
    header: dict[str, Any] = {"notes": seen.notes}
    if seen.image is not None:
        return header | {"image": seen.image.size}, seen.image.tobytes()
    if (video := seen.video) is not None:
        header["video"] = {
            "shape": video.frames.shape,
            "fps": video.fps,
            "frame_indices": video.frame_indices,
            "timestamps_s": video.timestamps_s,
            "total_frames": video.total_frames,
            "duration_s": video.duration_s,
        }
        return header, video.frames.data.cast("B")
    return header | {"pages": seen.pages}, b""


def refusal_header(error: RowError) -> dict[str, Any]:
    """The header of a refusal, which has no body."""
    return {
        "error": error.error_class.value,
        "message": error.message,
        "out_of_memory": isinstance(error.__cause__, MemoryError),
    }


def ran_out_of_memory(header: Header) -> bool:
    """Whether that is what a file was refused for."""
    return header.get("out_of_memory") is True


def check_size(header: Header, body_bytes: int, limits: MediaLimits) -> None:
    """Holds the length of a body to what its header states, and that to the limits.

    Raises:
        WireError: no decoder answers that.
    """
    pixels = most = 0
    if "image" in header:
        pixels = math.prod(_whole(header["image"], 2, least=1))
        most = max(limits.max_pixels, limits.document_max_pixels)
    elif "video" in header:
        *frames, channels = _whole(_mapping(header["video"]).get("shape"), 4, least=1)
        pixels = math.prod(frames) if channels == _RGB else 0
        most = limits.max_frames * limits.frame_max_pixels
    if body_bytes != pixels * _RGB or pixels > most:
        raise WireError(f"{body_bytes} bytes of pixels")


def seen_of(header: Header, body: bytearray, kind: VisualKind) -> Seen:
    """What was seen, of a frame whose size was checked.

    Args:
        header: of the frame.
        body: of the frame.
        kind: of what was asked for.

    Raises:
        RowError: the decoder's.
        WireError: the answer makes no sense.
    """
    if "error" in header:
        raise _refusal(header)
    if (wanted := kind if kind in ("video", "pages") else "image") not in header:
        raise WireError(f"no {wanted}")
    notes = _notes(header.get("notes"))
    if "image" in header:
        from PIL import Image

        width, height = _whole(header["image"], 2)
        return Seen(image=Image.frombytes("RGB", (width, height), body), notes=notes)
    if "video" in header:
        return Seen(video=_video(header["video"], body), notes=notes)
    (pages,) = _whole([header.get("pages")], 1)
    return Seen(pages=pages, notes=notes)


def _refusal(header: Header) -> RowError:
    known = {each.value: each for each in _OF_FILES}
    error_class, message = header["error"], header.get("message")
    if not isinstance(error_class, str) or error_class not in known:
        raise WireError("a refusal for no reason that there is")
    return RowError(known[error_class], _line(message))


def _video(header: Header, body: bytearray) -> DecodedVideo:
    import numpy as np

    shape = _whole(header["shape"], 4)
    frames = np.frombuffer(body, np.uint8).reshape(shape)
    (total,) = _whole([header.get("total_frames")], 1)
    fps, duration_s = _numbers([header.get("fps"), header.get("duration_s")], 2)
    return DecodedVideo(
        frames=frames,
        fps=fps,
        frame_indices=tuple(_whole(header.get("frame_indices"), shape[0])),
        timestamps_s=tuple(_numbers(header.get("timestamps_s"), shape[0])),
        total_frames=total,
        duration_s=duration_s,
    )


def _mapping(value: Any) -> Header:
    if not isinstance(value, dict):
        raise WireError("a video that is none")
    return value


def _whole(values: Any, count: int, least: int = 0) -> list[int]:
    good = isinstance(values, list) and len(values) == count
    if not good or not all(type(each) is int and least <= each < 1 << 62 for each in values):
        raise WireError("counts that are none")
    return list(values)


def _numbers(values: Any, count: int) -> list[float]:
    good = isinstance(values, list) and len(values) == count
    if not good or not all(type(each) in (int, float) and abs(each) < 1e18 for each in values):
        raise WireError("numbers that are none")
    return [float(each) for each in values]


def _notes(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or len(values) > _MAX_NOTES:
        raise WireError("notes that are none")
    return tuple(_line(each) for each in values)


def _line(value: Any) -> str:
    """A text of a child, as one may print it."""
    if not isinstance(value, str):
        raise WireError("words that are none")
    return "".join(
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value[:_MAX_CHARS]
    )
