"""Queries as a judge sees them: real files."""

import asyncio
from pathlib import Path

import pytest
from PIL import Image

from tests.cascade.scripted import asked, candidates
from tte2_ray.errors import RowErrorClass
from tte2_ray.media import DecodedItem, MediaLimits, decode_item
from tte2_ray.schema import Item
from tte2_ray.stages.decoder import Decoder
from tte2_ray.stages.query_media import with_media
from tte2_ray.stages.ready import Ready, Refused

LIMITS = MediaLimits()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "query.png"
    Image.new("RGB", (64, 64), (200, 90, 0)).save(file)
    return file


def ready(*pictures: Path) -> Ready:
    """A query as it was reasoned about."""
    item = Item(item_id="q1", text="greener", image_uris=tuple(map(str, pictures)))
    return Ready(
        item=item,
        content_key=decode_item(item, LIMITS).content_sha256,
        asked=asked(text="greener", ecr="a star", has_media=bool(pictures)),
        candidates=candidates(2),
    )


def seen(found: Ready | Refused) -> Ready | Refused:
    return asyncio.run(with_media(found, Decoder(LIMITS, threads=1, in_flight=1)))


async def look(found: Ready) -> DecodedItem:
    """What a judge sees of a query."""
    made = await with_media(found, Decoder(LIMITS, threads=1, in_flight=1))
    assert isinstance(made, Ready)
    assert made.asked.see is not None
    return await made.asked.see()


def test_a_query_comes_with_its_pixels(picture: Path) -> None:
    shown = asyncio.run(look(ready(picture)))
    assert shown.images[0].getpixel((0, 0)) == (200, 90, 0)


def test_words_alone_and_what_was_refused_stay_as_they_are() -> None:
    refused = Refused(error_class="not_found", message="gone", stage="reason")
    words = ready()
    assert (seen(words), seen(refused)) == (words, refused)


def test_a_query_whose_files_changed_is_refused(picture: Path) -> None:
    before = ready(picture)
    Image.new("RGB", (64, 64), (0, 90, 200)).save(picture)
    found = seen(before)
    assert isinstance(found, Refused)
    assert found.error_class == RowErrorClass.CONTENT_CHANGED.value
    assert (found.stage, "run again with --redrive" in found.message) == ("decode", True)
    picture.unlink()
    gone = seen(before)
    assert isinstance(gone, Refused)
    assert gone.error_class == RowErrorClass.NOT_FOUND.value


def test_pixels_are_decoded_by_who_looks_and_by_nobody_else(
    picture: Path,
) -> None:
    decoded = []

    class Counting(Decoder):
        async def decode(self, item: Item) -> DecodedItem:
            decoded.append(item.item_id)
            return await super().decode(item)

    async def looks(found: Ready, times: int) -> None:
        made = await with_media(found, Counting(LIMITS, threads=1, in_flight=1))
        assert isinstance(made, Ready)
        assert made.asked.see is not None
        for _ in range(times):
            await made.asked.see()

    asyncio.run(looks(ready(picture), 0))
    assert not decoded
    asyncio.run(looks(ready(picture), 1))
    assert decoded == ["q1"]
