"""Videos that were cut off are refused, however much of them would play; whole ones are not."""

from collections.abc import Callable
from functools import cache

import pytest

from tests.media import files
from tests.media.conftest import Write, decode, refused
from tte2_ray.errors import RowErrorClass
from tte2_ray.media.cut import is_cut_off
from tte2_ray.schema import Item

KINDS: dict[str, Callable[[], bytes]] = {
    "webm": lambda: files.clip(72, codec="libvpx", container="webm"),
    "matroska": lambda: files.clip(72, container="matroska"),
    "live webm": files.live_clip,
    "live matroska": lambda: files.live_clip("libx264", "matroska"),
    "webm of a browser": lambda: files.live_clip(browser=True),
    "mp4": lambda: files.clip(72),
    "fragmented mp4": lambda: files.clip(72, faststart=True),
}
STATES_ITS_LENGTH = ("webm", "matroska")
CLUSTER = b"\x1f\x43\xb6\x75"


@cache
def whole(kind: str) -> bytes:
    return KINDS[kind]()


def item(uri: str) -> Item:
    return Item(item_id="i", video_uri=uri)


def frames_of(path: str) -> int:
    video = decode(item(path)).video
    assert video is not None
    return video.total_frames


@pytest.mark.parametrize("keep", [0.95, 0.8, 0.5, 0.2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_video_is_corrupt(write: Write, kind: str, keep: float) -> None:
    data = whole(kind)
    path = write("a", data[: int(keep * len(data))])
    assert refused(item(path)) is RowErrorClass.CORRUPT_MEDIA


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_video_is_not(write: Write, kind: str) -> None:
    assert frames_of(write("a", whole(kind))) == 72


@pytest.mark.parametrize(("codec", "container"), [("libvpx", "webm"), ("libx264", "matroska")])
def test_a_variable_rate_is_no_cut(write: Write, codec: str, container: str) -> None:
    assert frames_of(write("a", files.variable_rate_clip(codec, container))) == 39


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("more", [bytes(100), b"TAG" + b"x" * 125])
def test_what_something_else_appended_is_no_cut(write: Write, kind: str, more: bytes) -> None:
    assert frames_of(write("a", whole(kind) + more)) == 72


@pytest.mark.parametrize("kind", STATES_ITS_LENGTH)
def test_every_cut_of_a_file_that_states_its_length_is_seen(kind: str) -> None:
    data = whole(kind)
    assert not is_cut_off(data)
    assert all(is_cut_off(data[:end]) for end in range(64, len(data)))


@pytest.mark.parametrize("kind", ["live webm", "live matroska"])
def test_a_cut_of_a_live_file_is_seen_unless_it_lies_between_clusters(kind: str) -> None:
    data = whole(kind)
    unseen = [end for end in range(data.index(CLUSTER), len(data)) if not is_cut_off(data[:end])]
    assert all(CLUSTER in data[end - 3 : end + 4] for end in unseen)


def test_a_cut_within_the_index_of_a_fragment_is_seen(write: Write) -> None:
    data = whole("fragmented mp4")
    last = data.rindex(b"moof") - 4
    assert refused(item(write("a", data[: last + 100]))) is RowErrorClass.CORRUPT_MEDIA
    assert frames_of(write("b", data[:last])) == 60  # as a live one would end
