"""The two passes over a video file: the times of its frames, then the few frames that are wanted.

A pass over packets decodes nothing and costs about a microsecond a packet; it is what makes
sampling exact where the header states no frame count (WebM) or the frame rate varies.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.cut import is_cut_off
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.uri import shown

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_PACKETS = 1_000_000
"""Nine hours at 30 frames a second; bounds the memory of the first pass."""


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """When frames are shown, in ticks of `tick_s` seconds, and where decoding may begin."""

    pts: Sequence[int]
    """Ascending, one for each frame."""
    keys: Sequence[tuple[int, int]]
    """Of each key frame, ascending: its time, and the time to seek to for it."""
    tick_s: float

    @property
    def times_s(self) -> list[float]:
        """Time of each frame from the first one, in seconds."""
        return [(p - self.pts[0]) * self.tick_s for p in self.pts]

    @property
    def duration_s(self) -> float:
        """Until the end of the last frame, which is taken to last as long as the mean; 0 for one
        frame."""
        span = (self.pts[-1] - self.pts[0]) * self.tick_s
        return span * len(self.pts) / (len(self.pts) - 1) if len(self.pts) > 1 else 0.0


def read_timeline(
    container: "InputContainer", stream: "VideoStream", uri: str, data: bytes
) -> Timeline:
    """Reads each packet of a stream.

    Args:
        container: the open file; it is at its end afterwards.
        stream: of which stream.
        uri: for messages.
        data: the whole file.

    Raises:
        RowError: `corrupt_media` where the file is cut off or holds no frame, `too_large`.
    """
    # A cut file yields what is left without an error: only its index or its elements tell.
    lost = any(entry.pos + entry.size > len(data) for entry in stream.index_entries)
    if lost or is_cut_off(data):
        raise RowError(RowErrorClass.CORRUPT_MEDIA, f"{shown(uri)} is cut off")
    pts: list[int] = []
    keys: list[tuple[int, int]] = []
    for packet in container.demux(stream):
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None or not packet.size or packet.is_discard:
            continue
        pts.append(time)
        if packet.is_keyframe:
            keys.append((time, time if packet.dts is None else min(time, packet.dts)))
        if len(pts) > MAX_PACKETS:
            raise RowError(RowErrorClass.TOO_LARGE, f"{shown(uri)}: over {MAX_PACKETS} frames")
    if not pts:
        raise RowError(RowErrorClass.CORRUPT_MEDIA, f"{shown(uri)}: a video without frames")
    return Timeline(pts=sorted(pts), keys=sorted(keys), tick_s=float(stream.time_base or 1))


def pick_frames(
    container: "InputContainer",
    stream: "VideoStream",
    timeline: Timeline,
    wanted: Sequence[int],
    uri: str,
    limits: MediaLimits,
) -> Iterator["VideoFrame"]:
    """Decodes the frames at the positions `wanted` (ascending), jumping over groups of pictures
    in which none lies.

    Where a frame cannot be decoded the next one that can is given, and after the last nothing
    more: read each frame's own `pts`.

    Raises:
        RowError: `too_large` when more than `max_decoded_frames` had to be decoded.
    """
    decoded = _Decoder(container, stream, uri, limits)
    for index in wanted:
        frame = decoded.first_from(timeline.pts[index], _key_before(timeline, index))
        if frame is None:
            return
        yield frame


def _key_before(timeline: Timeline, index: int) -> tuple[int, int]:
    """The last key frame at or before a frame; the file's beginning where there is none."""
    position = bisect_right(timeline.keys, (timeline.pts[index], timeline.pts[index]))
    if position:
        return timeline.keys[position - 1]
    first = timeline.pts[0]
    return first, min([first, *(seek for _, seek in timeline.keys)])


class _Decoder:
    """Decodes forward from where it is, or from a key frame further ahead."""

    def __init__(
        self, container: "InputContainer", stream: "VideoStream", uri: str, limits: MediaLimits
    ) -> None:
        self._container = container
        self._stream = stream
        self._uri = uri
        self._limits = limits
        self._frames: Iterator[VideoFrame] | None = None
        self._last: VideoFrame | None = None
        self._spent = 0

    def first_from(self, pts: int, key: tuple[int, int]) -> "VideoFrame | None":
        """The first frame shown at `pts` or later; None past the end."""
        if self._last is not None and _shown_at(self._last) >= pts:
            return self._last
        if self._frames is None or (self._last is not None and key[0] > _shown_at(self._last)):
            self._container.seek(key[1], stream=self._stream)
            self._frames = self._container.decode(self._stream)
        for frame in self._frames:
            self._spend()
            self._last = frame
            if _shown_at(frame) >= pts:
                return frame
        return None

    def _spend(self) -> None:
        self._spent += 1
        if self._spent > self._limits.max_decoded_frames:
            raise RowError(
                RowErrorClass.TOO_LARGE,
                f"{shown(self._uri)}: the sampled frames need over max_decoded_frames "
                f"{self._limits.max_decoded_frames}",
            )


def _shown_at(frame: "VideoFrame") -> int:
    return frame.pts if frame.pts is not None else frame.dts or 0
