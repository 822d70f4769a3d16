"""Items as a whole: order, text, notes and the content key."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media import files
from tests.media.conftest import Write, decode, refused
from tte2_ray.errors import ConfigError, RowError, RowErrorClass
from tte2_ray.media import MediaLimits, content_sha256
from tte2_ray.media.bounded import TransientFetchError
from tte2_ray.media.content import ContentHasher, Part, fetch_parts
from tte2_ray.media.thumbnail import thumbnail_data_uri
from tte2_ray.schema import Item


@pytest.fixture
def mixed(write: Write) -> Item:
    return Item(
        item_id="mixed",
        text="a text",
        image_uris=(
            write("a.png", files.encoded(files.picture(), "PNG")),
            write("b.jpg", files.encoded(files.picture(100, 50), "JPEG")),
        ),
        video_uri=write("c.mp4", files.clip(24)),
        document_uri=write("d.pdf", files.pdf()),
        document_page=1,
    )


def test_a_mixed_item(mixed: Item) -> None:
    decoded = decode(mixed, max_pixels=20_000)
    assert decoded.text == "a text"
    assert [image.size for image in decoded.images][:2] == [(64, 48), (100, 50)]
    assert len(decoded.images) == 3
    assert decoded.video is not None
    assert decoded.notes == "frames 24 -> 2"


def _key(parts: list[tuple[Any, bytes]]) -> str:
    hasher = ContentHasher()
    for kind, data in parts:
        hasher.add(Part(kind=kind, data=data))
    return hasher.hexdigest()


_PARTS = st.lists(st.tuples(st.sampled_from(["text", "image", "t", "extimage"]), st.binary()))


@given(_PARTS, _PARTS)
def test_content_keys_are_equal_only_for_equal_parts(
    a: list[tuple[str, bytes]], b: list[tuple[str, bytes]]
) -> None:
    assert (_key(a) == _key(b)) == (a == b)


def test_the_content_key_stays_what_it_was() -> None:
    """A golden: a change here orphans every ECR ever written, and must be meant."""
    golden = "d68578ed91c9228fb1acad3ce027ef3abfdd20f5ebfa72f2eb3b67877ba6024c"
    assert _key([("text", b"ab")]) == golden


def test_the_content_key_is_over_the_parts_in_order(mixed: Item, limits: MediaLimits) -> None:
    cases: list[tuple[Item, list[str]]] = [
        (mixed, ["text", "image", "image", "video", "document", "page"]),
        (Item(item_id="t", text="only text"), ["text"]),
    ]
    for item, expected in cases:
        parts = [(part.kind, part.data) for part in fetch_parts(item, limits)]
        assert [kind for kind, _ in parts] == expected
        key = _key([(part, data) for part, data in parts])
        assert decode(item).content_sha256 == key
        assert content_sha256(item, limits) == key


def test_the_content_key_knows_what_is_cut(limits: MediaLimits) -> None:
    long, longer = Item(item_id="a", text="x" * 50), Item(item_id="b", text="x" * 60)
    first, second = decode(long, max_text_chars=9), decode(longer, max_text_chars=9)
    assert first.text == second.text == "x" * 9
    assert first.notes == "text 50 -> 9 characters"
    assert first.content_sha256 != second.content_sha256


def test_the_content_key_forgets_names_and_limits(mixed: Item, write: Write) -> None:
    from dataclasses import replace

    moved = write("elsewhere/z.png", files.encoded(files.picture(), "PNG"))
    other = replace(mixed, item_id="other", image_uris=(moved, mixed.image_uris[1]))
    assert decode(other, max_frames=1).content_sha256 == decode(mixed).content_sha256
    swapped = replace(mixed, image_uris=mixed.image_uris[::-1])
    assert decode(swapped).content_sha256 != decode(mixed).content_sha256


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_item(text: str) -> None:
    assert refused(Item(item_id="e", text=text)) is RowErrorClass.EMPTY_ROW


def test_half_a_surrogate_pair() -> None:
    assert refused(Item(item_id="e", text="a\ud800")) is RowErrorClass.BAD_ENCODING


def test_text_documents(write: Write) -> None:
    path = write("a.txt", "\ufeffgrüße".encode())
    assert decode(Item(item_id="t", text="title", document_uri=path)).text == "title\n\ngrüße"
    for data in ("grüße".encode("latin-1"), "grüße".encode("utf-16")):
        path = write("a.txt", data)
        assert refused(Item(item_id="t", document_uri=path)) is RowErrorClass.BAD_ENCODING
    path = write("b.txt", b"\0\1\2")
    assert refused(Item(item_id="t", document_uri=path)) is RowErrorClass.UNSUPPORTED_TYPE
    path = write("c.txt", b"one page")
    wrong = Item(item_id="t", document_uri=path, document_page=1)
    assert refused(wrong) is RowErrorClass.NO_SUCH_PAGE


def test_row_errors_travel(write: Write) -> None:
    error = TransientFetchError("x: slow")
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, RowError)
    assert (copy.error_class, copy.message) == (RowErrorClass.FETCH_FAILED, "x: slow")


@pytest.mark.parametrize(
    "changes",
    [
        {"allowed_schemes": ("file", "ftp")},
        {"max_bytes": 0},
        {"fps": -1.0},
        {"min_pixels": 2_000_000},
        {"max_aspect_ratio": 0.5},
        {"decode_timeout_s": 0.0},
        {"decode_memory_mb": 255},
    ],
)
def test_limits_are_checked(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        MediaLimits(**changes)  # type: ignore[arg-type]


def test_thumbnails(mixed: Item) -> None:
    import base64
    from dataclasses import replace
    from io import BytesIO

    from PIL import Image

    def size(item: Item) -> tuple[int, int]:
        uri = thumbnail_data_uri(decode(item), height=48)
        head, _, body = uri.partition(",")
        assert head == "data:image/jpeg;base64"
        return Image.open(BytesIO(base64.b64decode(body))).size

    assert size(replace(mixed, image_uris=mixed.image_uris[:1], video_uri="", document_uri="")) == (
        64,
        48,
    )
    assert size(replace(mixed, image_uris=(), document_uri="")) == (72 + 2 + 72, 48)
    assert size(mixed)[0] > 200
    assert thumbnail_data_uri(decode(Item(item_id="t", text="text"))) == ""
