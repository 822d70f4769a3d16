"""An answer is read as a stranger's: what no decoder says is a row error, whatever it claims."""

import json
import socket
import struct
import time
from contextlib import suppress
from functools import partial
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.media.isolated.conftest import asked, refused
from tests.media.isolated.hostile import saying
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media import MediaLimits
from tte2_ray.media.isolated.answers import check_size, seen_of
from tte2_ray.media.isolated.children import Children
from tte2_ray.media.isolated.wire import MAX_HEADER, WireError, receive

LIMITS = MediaLimits(max_pixels=10_000, frame_max_pixels=5_000, max_frames=4)
PICTURE = {"image": [4, 4], "notes": []}
VIDEO: dict[str, Any] = {
    "shape": [2, 4, 4, 3],
    "fps": 2.0,
    "frame_indices": [0, 1],
    "timestamps_s": [0.0, 0.5],
    "total_frames": 2,
    "duration_s": 1.0,
}


def answer(frame: bytes, kind: Any = "image", wait_s: float = 0.05) -> Any:
    """What a parent makes of bytes of a child, which says nothing more."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(frame)
        deadline = time.monotonic() + wait_s
        header, body = receive(ours, deadline, partial(check_size, limits=LIMITS))
        return seen_of(header, body, kind)


def frame(header: Any, body: bytes = b"", **stated: int) -> bytes:
    return saying(header, body, **stated)[len(b"say:") :]


def test_answers_of_decoders() -> None:
    assert answer(frame(PICTURE, b"\1" * 48)).image.getpixel((0, 0)) == (1, 1, 1)
    video = answer(frame({"video": VIDEO, "notes": ["a"]}, b"\2" * 96), "video").video
    assert video.frames.shape == (2, 4, 4, 3)
    assert video.frame_indices == (0, 1)
    assert answer(frame({"pages": 7, "notes": []}), "pages").pages == 7
    with pytest.raises(RowError, match="a�b") as caught:
        answer(frame({"error": "encrypted", "message": "a\nb"}))
    assert caught.value.error_class is RowErrorClass.ENCRYPTED


def _video(**changes: Any) -> dict[str, Any]:
    return {"video": VIDEO | changes, "notes": []}


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (b"no JSON", b""),
        (b"[" * 100_000, b""),
        (b"\xff\xfe", b""),
        ([1], b""),
        ({}, b""),
        ({"image": [4, 4]}, b"x" * 48),
        ({"image": [4, 4], "notes": [1]}, b"x" * 48),
        ({"image": [4, 4], "notes": ["n"] * 1000}, b"x" * 48),
        ({"image": [4, 4], "notes": []}, b"x" * 47),
        ({"image": [0, 4], "notes": []}, b""),
        ({"image": [-4, -4], "notes": []}, b"x" * 48),
        ({"image": [4.0, 4], "notes": []}, b"x" * 48),
        ({"image": [True, 16], "notes": []}, b"x" * 48),
        ({"image": "4x4", "notes": []}, b"x" * 48),
        ({"image": [1000, 1000], "notes": []}, b"x" * 3_000_000),
        ({"pages": 1, "notes": []}, b""),
        (_video(), b"x" * 96),
        ({"error": "content_changed", "message": ""}, b""),
        ({"error": ["encrypted"], "message": ""}, b""),
        ({"error": "encrypted", "message": 3}, b""),
        ({"error": "encrypted", "message": ""}, b"more"),
    ],
    ids=lambda value: repr(value)[:40] if not isinstance(value, bytes) else f"{len(value)}",
)
def test_answers_that_make_no_sense(header: Any, body: bytes) -> None:
    with pytest.raises(WireError):
        answer(frame(header, body), wait_s=5.0) if len(body) < 100_000 else answer(
            frame(header, b"", stated=len(body))
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": [2, 4, 4, 4]},
        {"shape": [2, 4, 4]},
        {"shape": None},
        {"shape": [5, 50, 100, 3]},
        {"fps": "2"},
        {"fps": float("inf")},
        {"duration_s": float("nan")},
        {"duration_s": 10**400},
        {"frame_indices": [0]},
        {"frame_indices": [0, 1.5]},
        {"timestamps_s": None},
        {"total_frames": -1},
    ],
    ids=str,
)
def test_videos_that_make_no_sense(changes: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        answer(frame(_video(**changes), b"x" * 96), "video")


def test_more_than_was_stated() -> None:
    with pytest.raises(WireError, match="more"):
        answer(frame(PICTURE, b"x" * 48) + b"x")


def test_an_answer_that_stops_is_waited_for_no_longer_than_asked() -> None:
    for cut in (0, 5, 12, 20, 60):
        with pytest.raises(TimeoutError):
            answer(frame(PICTURE, b"x" * 48)[:cut])


def test_no_memory_is_set_aside_for_what_is_only_claimed(hostile: Children) -> None:
    asked(hostile, "fine")
    process = psutil.Process()
    before = process.memory_info().rss
    for claim in (
        saying({"image": [1 << 20, 1 << 20], "notes": []}, stated=3 << 40),
        saying(PICTURE, stated=1 << 40),
        b"say:" + struct.pack(">IQ", (1 << 32) - 1, 0),
        b"say:" + struct.pack(">IQ", MAX_HEADER, 48) + b" " * 1000,
    ):
        error = refused(hostile, claim, timeout_s=1.0)
        assert error.error_class is RowErrorClass.DECODER_DIED
    assert process.memory_info().rss - before < 20 << 20
    asked(hostile, "fine")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
headers = st.dictionaries(
    st.sampled_from(["image", "video", "pages", "error", "message", "notes", "out_of_memory"]),
    st.one_of(
        json_values,
        st.just([1, 1]),
        st.just([]),
        st.sampled_from(["corrupt_media", "not_found"]),
        st.dictionaries(st.sampled_from(sorted(VIDEO)), json_values | st.just([1, 1, 1, 3])),
    ),
)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    said=st.binary(max_size=40) | headers.map(lambda header: json.dumps(header).encode()),
    body=st.sampled_from([b"", b"xxx"]),
    kind=st.sampled_from(["image", "video", "document", "pages"]),
)
def test_any_answer_is_seen_or_refused(said: bytes, body: bytes, kind: str) -> None:
    with suppress(RowError, WireError):
        assert answer(frame(said, body), kind)
