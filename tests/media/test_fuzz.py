"""Damaged files end their row or decode; nothing else comes out, and nothing takes long."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.media import files
from tte2_ray.errors import RowError
from tte2_ray.media import MediaLimits
from tte2_ray.media.document import decode_page
from tte2_ray.media.image import decode_image
from tte2_ray.media.uri import locate
from tte2_ray.media.video import decode_video

LIMITS = MediaLimits(max_pixels=20_000, frame_max_pixels=5_000, max_frames=4)
SLOWEST_S = 10.0


@cache
def originals() -> dict[str, bytes]:
    """One small file of each format, by name."""
    picture = files.picture()
    formats: dict[str, dict[str, Any]] = {
        "JPEG": {},
        "PNG": {},
        "GIF": {"save_all": True, "append_images": [picture.rotate(90)]},
        "WEBP": {},
        "TIFF": {"compression": "tiff_lzw"},
        "AVIF": {},
        "JPEG2000": {},
        "BMP": {},
    }
    made = {name: files.encoded(picture, name, **options) for name, options in formats.items()}
    return made | {
        "mp4": files.clip(24),
        "fragmented": files.clip(24, faststart=True),
        "webm": files.clip(24, codec="libvpx", container="webm"),
        "live": files.live_clip(browser=True),
        "pdf": files.pdf(1),
        "pdf-picture": files.pdf_with_picture(picture),
    }


def _decoder(name: str) -> Callable[[bytes], object]:
    if name in ("mp4", "webm", "live", "fragmented"):
        return lambda data: decode_video(data, name, LIMITS)
    if name.startswith("pdf"):
        return lambda data: decode_page(data, name, 0, LIMITS)
    return lambda data: decode_image(data, name, LIMITS)


Edits = list[tuple[float, bytes, int]]

edits = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.one_of(
            st.binary(min_size=1, max_size=8),
            st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"]),
        ),
        st.sampled_from([0, 0, 0, 1, 16, 400]),
    ),
    min_size=1,
    max_size=6,
)


def mutated(data: bytes, changes: Edits, cut: float) -> bytes:
    """Overwrites at relative positions, removes some bytes after each, and cuts the end off.

    Half of the positions fall into the first 512 bytes, where headers are.
    """
    out = bytearray(data)
    for where, replacement, removed in changes:
        reach = min(512, len(out)) if where < 0.5 else len(out)
        at = int((where * 2 % 1.0) * reach)
        out[at : at + len(replacement) + removed] = replacement
    return bytes(out[: max(1, int(cut * len(out)))])


def refusal(attempt: Callable[[], object]) -> str:
    """The message of the row error that an attempt ends in; "" where it gives a result."""
    try:
        assert attempt()
    except RowError as error:
        return error.message
    return ""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(originals()))
@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(changes=edits, cut=st.sampled_from([1.0, 1.0, 1.0, 0.9, 0.5]))
@example(changes=[], cut=1.0)
def test_mutated_files(name: str, changes: Edits, cut: float) -> None:
    data = mutated(originals()[name], changes, cut)
    begin = time.monotonic()
    message = refusal(lambda: _decoder(name)(data))
    assert time.monotonic() - begin < SLOWEST_S
    assert "\n" not in message
    assert changes or not message, f"the whole file is refused: {message}"
    # A mistake of our own, dressed as a damaged file, would name one of these.
    for mistake in ("AssertionError", "AttributeError: 'NoneType'", "UnboundLocalError"):
        assert mistake not in message


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(uri=st.one_of(st.text(), st.text().map("file://".__add__), st.text().map("s3://".__add__)))
def test_any_text_as_a_uri(uri: str) -> None:
    assert "\n" not in refusal(lambda: locate(uri, LIMITS).target)
