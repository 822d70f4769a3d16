from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media import DecodedItem, MediaLimits, decode_item
from tte2_ray.schema import Item

Write = Callable[[str, bytes], str]
Refused = Callable[[Item], tuple[RowErrorClass, str]]


LARGE: dict[str, Any] = {
    "min_pixels": 32 * 32,
    "max_pixels": 1024 * 1024,
    "document_max_pixels": 1024 * 1024,
    "max_frames": 32,
    "frame_max_pixels": 512 * 512,
}
"""As of a real model: the miniature's limits would scale nearly every picture."""


@pytest.fixture
def limits() -> MediaLimits:
    return MediaLimits(**LARGE)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file and gives its path."""

    def _write(name: str, data: bytes) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return str(path)

    return _write


def decode(item: Item, **changes: object) -> DecodedItem:
    return decode_item(item, MediaLimits(**LARGE | changes))


def refused(item: Item, **changes: object) -> RowErrorClass:
    """The class of the row error that decoding the item ends in."""
    with pytest.raises(RowError) as caught:
        decode(item, **changes)
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 1000
    return caught.value.error_class
