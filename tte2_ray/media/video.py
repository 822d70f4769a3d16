"""One video: a pass over its packets finds each frame's time, a second decodes only what the
sampled frames need. No more than the sampled frames is held, each scaled at once.

Letters: T frames, H height, W width.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.image import decoding
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.sampling import sample_count, sample_indices
from tte2_ray.media.size import fit_size
from tte2_ray.media.sniff import describe, video_format
from tte2_ray.media.timeline import Timeline, pick_frames, read_timeline
from tte2_ray.media.uri import shown

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


@dataclass(frozen=True, kw_only=True, eq=False)
class DecodedVideo:
    """The sampled frames of a video, and where in it they lie."""

    frames: "npt.NDArray[np.uint8]"
    """THW3, RGB, each frame upright and scaled to `frame_max_pixels`."""
    fps: float
    """Frames a second of the source, on average."""
    frame_indices: tuple[int, ...]
    """Position of each sampled frame in the source, ascending."""
    timestamps_s: tuple[float, ...]
    """Time of each sampled frame from the first frame of the source, in seconds."""
    total_frames: int
    """Frames of the source."""
    duration_s: float
    """Length of the source, in seconds."""


def decode_video(data: bytes, uri: str, limits: MediaLimits) -> tuple[DecodedVideo, list[str]]:
    """Samples the frames of an MP4, MOV, WebM or Matroska file.

    Args:
        data: the file.
        uri: its name, for messages.
        limits: rate, count and size of the frames.

    Returns:
        The frames, and notes on what was left out or scaled.

    Raises:
        RowError: `unsupported_type` (also without a video stream), `corrupt_media`, `too_large`.
    """
    demuxer = video_format(data)
    if not demuxer:
        message = f"{shown(uri)}: no MP4 or WebM video: {describe(data)}"
        raise RowError(RowErrorClass.UNSUPPORTED_TYPE, message)
    import av

    # The demuxer is named: some of the others follow references to further files and hosts.
    with decoding(uri), av.open(BytesIO(data), mode="r", format=demuxer) as container:
        stream = _video_stream(container, uri)
        _check_frame(stream.codec_context.width, stream.codec_context.height, uri, limits)
        stream.codec_context.thread_count = limits.video_threads
        timeline = read_timeline(container, stream, uri, data)
        wanted, notes = _sample(timeline, limits)
        frames = pick_frames(container, stream, timeline, wanted, uri, limits)
        pixels, pts, scale_notes = _converted(frames, _pixel_aspect(stream), uri, limits)
    if len(pts) < len(wanted):
        notes.append(f"{len(wanted) - len(pts)} of {len(wanted)} sampled frames cannot be decoded")
    return _video(pixels, pts, timeline), [*notes, *scale_notes]


def _video_stream(container: "InputContainer", uri: str) -> "VideoStream":
    from av.stream import Disposition

    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:  # cover art of an audio file
            continue
        codec: object = stream.codec_context  # None, whatever the stubs say, for an unknown codec
        if codec is None:
            message = f"{shown(uri)}: no decoder for its codec"
            raise RowError(RowErrorClass.UNSUPPORTED_TYPE, message)
        return stream
    raise RowError(RowErrorClass.UNSUPPORTED_TYPE, f"{shown(uri)} has no video stream")


def _check_frame(width: int, height: int, uri: str, limits: MediaLimits) -> None:
    if width * height > limits.max_source_pixels:
        raise RowError(
            RowErrorClass.TOO_LARGE,
            f"{shown(uri)}: frames of {width}x{height} pixels, "
            f"over max_source_pixels {limits.max_source_pixels}",
        )


def _sample(timeline: Timeline, limits: MediaLimits) -> tuple[list[int], list[str]]:
    """The positions of the frames to look at, and notes on what that leaves out."""
    notes: list[str] = []
    times_s, duration_s = timeline.times_s, timeline.duration_s
    total = len(times_s)
    if duration_s > limits.max_video_seconds:
        notes.append(f"video {duration_s:.1f} s -> first {limits.max_video_seconds:.1f} s")
        duration_s = limits.max_video_seconds
        times_s = times_s[: max(1, bisect_left(times_s, duration_s))]
    count = sample_count(
        duration_s, fps=limits.fps, max_frames=limits.max_frames, total=len(times_s)
    )
    wanted = sample_indices(times_s, count)
    if len(wanted) < total:
        notes.append(f"frames {total} -> {len(wanted)}")
    return wanted, notes


def _converted(
    frames: Iterable["VideoFrame"], pixel_aspect: float, uri: str, limits: MediaLimits
) -> tuple["npt.NDArray[np.uint8]", list[int], list[str]]:
    """The frames as RGB at the model's size, their times, and a note where they were scaled."""
    import numpy as np

    pixels: list[npt.NDArray[np.uint8]] = []
    times: list[int] = []
    notes: list[str] = []
    size = (0, 0)
    for frame in frames:
        _check_frame(frame.width, frame.height, uri, limits)
        if times and times[-1] == frame.pts:
            continue
        if not pixels:
            size = _frame_size(frame, pixel_aspect, limits)
            if size != (frame.width, frame.height):
                notes.append(f"frames scaled {frame.width}x{frame.height} to {size[0]}x{size[1]}")
        pixels.append(_rgb(frame, size))
        times.append(frame.pts or 0)
    if not pixels:
        raise RowError(RowErrorClass.CORRUPT_MEDIA, f"{shown(uri)}: no frame can be decoded")
    return np.stack(pixels), times, notes


def _pixel_aspect(stream: "VideoStream") -> float:
    """Width of a pixel over its height; 1 where the file states none, or nonsense."""
    aspect = float(stream.codec_context.sample_aspect_ratio or 1)
    return aspect if 0.1 < aspect < 10 else 1.0


def _frame_size(frame: "VideoFrame", pixel_aspect: float, limits: MediaLimits) -> tuple[int, int]:
    """Width and height to scale to, before turning; pixels that are not square are made so."""
    return fit_size(
        max(1, round(frame.width * pixel_aspect)),
        frame.height,
        min_pixels=limits.min_pixels,
        max_pixels=limits.frame_max_pixels,
    )


def _rgb(frame: "VideoFrame", size: tuple[int, int]) -> "npt.NDArray[np.uint8]":
    import numpy as np

    scaled = frame.reformat(
        width=size[0], height=size[1], format="rgb24", interpolation="BICUBIC", threads=1
    )
    quarter_turns = round(frame.rotation / 90)  # both count counter-clockwise
    return np.ascontiguousarray(np.rot90(scaled.to_ndarray(), quarter_turns)).astype(np.uint8)


def _video(pixels: "npt.NDArray[np.uint8]", pts: list[int], timeline: Timeline) -> DecodedVideo:
    total, duration_s = len(timeline.pts), timeline.duration_s
    return DecodedVideo(
        frames=pixels,
        fps=total / duration_s if duration_s else 1.0,
        frame_indices=tuple(min(bisect_left(timeline.pts, p), total - 1) for p in pts),
        timestamps_s=tuple((p - timeline.pts[0]) * timeline.tick_s for p in pts),
        total_frames=total,
        duration_s=duration_s,
    )
