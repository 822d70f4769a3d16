from collections.abc import Iterator

import pytest

from tte2_ray.errors import RowError
from tte2_ray.media import MediaLimits
from tte2_ray.media.decoders import Visual
from tte2_ray.media.isolated.children import Children

HOSTILE = "tests.media.isolated.hostile"


@pytest.fixture
def hostile() -> Iterator[Children]:
    children = Children(HOSTILE)
    yield children
    children.end()


def asked(children: Children, says: str | bytes, *, timeout_s: float = 60.0, mb: int = 512) -> int:
    """The process that decoded a file which says something."""
    data = says if isinstance(says, bytes) else says.encode()
    visual = Visual(kind="image", data=data, uri="https://host/a.png?secret")
    seen = children.decode(visual, MediaLimits(decode_memory_mb=mb), timeout_s)
    assert seen.image is not None
    assert seen.image.getpixel((3, 3)) == (255, 255, 255)
    return int(seen.notes[0])


def refused(
    children: Children, says: str | bytes, *, timeout_s: float = 60.0, mb: int = 512
) -> RowError:
    """The row error of a file which says something."""
    with pytest.raises(RowError) as caught:
        asked(children, says, timeout_s=timeout_s, mb=mb)
    assert caught.value.message.startswith("https://host/a.png?…: ")
    assert "\n" not in caught.value.message
    return caught.value
