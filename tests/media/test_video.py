"""Videos: the right frames, exactly, and only as many as wanted."""

from typing import Any

import numpy as np
import pytest

from tests.media import files
from tests.media.conftest import Write, decode, refused
from tte2_ray.errors import RowErrorClass
from tte2_ray.media import DecodedVideo
from tte2_ray.media.sampling import sample_indices
from tte2_ray.schema import Item


def item(uri: str) -> Item:
    return Item(item_id="i", video_uri=uri)


def decoded(path: str, **changes: object) -> tuple[DecodedVideo, str]:
    result = decode(item(path), **changes)
    assert result.video is not None
    return result.video, result.notes


def seen_indices(video: DecodedVideo) -> list[int]:
    """Which frames they are, by the brightness that `grey_frame` gives each."""
    return [round(float(frame[-8:, -8:].mean()) / 3) for frame in video.frames]


@pytest.mark.parametrize(
    ("codec", "container"),
    [("libx264", "mp4"), ("libx264", "matroska"), ("libvpx", "webm"), ("mpeg4", "mp4")],
)
@pytest.mark.parametrize("gop", [4, 12, 1000])
def test_frames_are_the_ones_that_the_indices_say(
    write: Write, codec: str, container: str, gop: int
) -> None:
    path = write("a", files.clip(72, codec=codec, container=container, gop=gop))
    for max_frames in (1, 3, 8, 72):
        video, notes = decoded(path, max_frames=max_frames, fps=24)
        assert len(video.frames) == max_frames
        assert seen_indices(video) == pytest.approx(video.frame_indices, abs=1)
        assert video.timestamps_s == pytest.approx([i / 24 for i in video.frame_indices], abs=0.01)
        assert video.total_frames == 72
        assert video.frames.dtype == np.uint8
        assert video.fps == pytest.approx(24, rel=0.01)
        assert video.duration_s == pytest.approx(3, rel=0.01)
        assert notes == ("" if max_frames == 72 else f"frames 72 -> {max_frames}")
    assert seen_indices(video) == pytest.approx(range(72), abs=1)


def test_frames_are_upright(write: Write) -> None:
    video, _ = decoded(write("a.mp4", files.clip(12)))
    turned, _ = decoded(write("b.mp4", files.turned_clip()))
    assert video.frames.shape[1:] == (64, 96, 3)
    assert turned.frames.shape[1:] == (96, 64, 3)
    assert video.frames[0, 4, 4].min() > 200  # the white quarter is top left,
    assert turned.frames[0, 4, -4].min() > 200  # and top right after a turn clockwise
    assert turned.frames[0, 4, 4].max() < 50


def test_fps_and_first_and_last_frame(write: Write) -> None:
    video, _ = decoded(write("a.mp4", files.clip(72)), fps=2)
    assert len(video.frames) == 6
    assert (video.frame_indices[0], video.frame_indices[-1]) == (0, 71)


def test_variable_rate_is_sampled_by_time(write: Write) -> None:
    video, _ = decoded(write("a.mp4", files.variable_rate_clip()), max_frames=10, fps=2)
    steps = np.diff(video.timestamps_s)
    assert len(steps) == 9
    assert steps.max() < 2.1 * steps.min()  # thirty of its 39 frames lie in the first second
    assert seen_indices(video) == pytest.approx(video.frame_indices, abs=1)


def test_a_fragmented_file(write: Write) -> None:
    video, _ = decoded(write("a.mp4", files.clip(48, faststart=True)), max_frames=4)
    assert seen_indices(video) == pytest.approx(video.frame_indices, abs=1)


def test_a_single_frame(write: Write) -> None:
    video, notes = decoded(write("a.mp4", files.clip(1)))
    assert (len(video.frames), video.total_frames, notes) == (1, 1, "")
    assert video.fps > 0


@pytest.mark.parametrize("frames", [2, 8, 17])
def test_of_a_short_clip_the_beginning_and_the_end_are_seen(write: Write, frames: int) -> None:
    video, _ = decoded(write("a.mp4", files.clip(frames)))
    assert video.frame_indices == (0, frames - 1)


def test_frames_are_scaled_down_with_a_note(write: Write) -> None:
    path = write("a.mp4", files.clip(12, width=320, height=160))
    video, notes = decoded(path, frame_max_pixels=80 * 40, max_frames=2)
    assert video.frames.shape == (2, 40, 80, 3)
    assert notes == "frames 12 -> 2; frames scaled 320x160 to 80x40"


def test_only_the_beginning_of_a_long_video_is_seen(write: Write) -> None:
    path = write("a.mp4", files.clip(72))
    video, notes = decoded(path, max_video_seconds=1.0, fps=4)
    assert video.timestamps_s[-1] < 1.0
    assert len(video.frames) == 4
    assert notes == "video 3.0 s -> first 1.0 s; frames 72 -> 4"


def test_a_budget_of_decoded_frames(write: Write) -> None:
    path = write("a.mp4", files.clip(72, gop=1000))
    assert refused(item(path), max_decoded_frames=40) is RowErrorClass.TOO_LARGE
    path = write("a.mp4", files.clip(72, gop=4))
    video, _ = decoded(path, max_decoded_frames=40, max_frames=4)
    assert len(video.frames) == 4


def test_large_frames_are_refused(write: Write) -> None:
    path = write("a.mp4", files.clip(2))
    assert refused(item(path), max_source_pixels=96 * 64 - 1) is RowErrorClass.TOO_LARGE


@pytest.mark.parametrize(
    "data",
    [
        files.sound_only(),
        files.sound_only("webm", "libopus"),
        files.encoded(files.picture(), "PNG"),
        files.encoded(files.picture(), "GIF"),
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<html>no video</html>",
    ],
)
def test_what_is_no_video_is_refused(write: Write, data: bytes) -> None:
    assert refused(item(write("a.mp4", data))) is RowErrorClass.UNSUPPORTED_TYPE


def test_zero_bytes(write: Write) -> None:
    assert refused(item(write("a.mp4", b""))) is RowErrorClass.EMPTY_FILE


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.8])
def test_a_cut_mp4_is_corrupt(write: Write, keep: float) -> None:
    data = files.clip(72)
    path = write("a.mp4", data[: int(keep * len(data))])
    assert refused(item(path)) is RowErrorClass.CORRUPT_MEDIA


def test_a_cut_mp4_with_its_index_in_front_is_corrupt(write: Write) -> None:
    data = _index_in_front(files.clip(72))
    video, _ = decoded(write("a.mp4", data))
    assert video.total_frames == 72
    path = write("a.mp4", data[: int(0.9 * len(data))])
    assert refused(item(path)) is RowErrorClass.CORRUPT_MEDIA


def test_sample_indices_are_ascending_and_unique() -> None:
    times: list[Any] = [0.0, 0.1, 0.2, 9.0]
    for count in range(1, 9):
        chosen = sample_indices(times, count)
        assert chosen == sorted(set(chosen))
        assert len(chosen) <= min(count, len(times))


def _index_in_front(data: bytes) -> bytes:
    """Remuxes an MP4 as web servers like it; only FFmpeg's file output can."""
    import tempfile
    from io import BytesIO
    from pathlib import Path

    import av

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "front.mp4"
        with (
            av.open(BytesIO(data), "r") as source,
            av.open(str(path), "w", options={"movflags": "faststart"}) as output,
        ):
            copy = output.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = copy
                    output.mux(packet)
        return path.read_bytes()
