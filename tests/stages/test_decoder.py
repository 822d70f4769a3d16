"""Decoding ahead of an engine: rows go on beside one whose file kills its decoder."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.media.isolated.conftest import HOSTILE
from tte2_ray.errors import RowError
from tte2_ray.media import DecodedItem, MediaLimits, content_sha256
from tte2_ray.media.isolated import children as module
from tte2_ray.media.isolated.children import Children
from tte2_ray.schema import Item
from tte2_ray.stages.decoder import Decoder

LIMITS = MediaLimits(decode_timeout_s=3.0, decode_memory_mb=256)


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Decoders that do what a file says, in place of those with holes that are not known."""
    children = Children(HOSTILE)
    monkeypatch.setattr(module, "_children", children)
    yield
    children.end()


def items(folder: Path, deeds: Sequence[str]) -> list[Item]:
    """One for each file that says what its decoder is to do."""
    made = []
    for number, deed in enumerate(deeds):
        path = folder / f"{number}.png"
        path.write_text(deed)
        made.append(Item(item_id=str(number), image_uris=(str(path),)))
    return made


def answered(decoder: Decoder, asked: Sequence[Item]) -> list[str]:
    """The process that decoded each item, or the class of its row error."""

    async def use(decoded: DecodedItem) -> dict[str, Any]:
        return {"pid": decoded.notes}

    async def one(item: Item) -> str:
        try:
            return str((await decoder(item, use))["pid"])
        except RowError as error:
            return error.error_class.value

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*map(one, asked))

    return asyncio.run(all_of_them())


@pytest.mark.usefixtures("hostile")
def test_rows_go_on_beside_one_that_kills_its_decoder(tmp_path: Path) -> None:
    deeds = ["fine", "segfault", "fine", "block", "killed", "bloat", *["fine"] * 10]
    found = answered(Decoder(LIMITS, threads=2, in_flight=4), items(tmp_path, deeds))
    refused = {"segfault": "decoder_died", "block": "decoder_died", "killed": "decoder_died",
               "bloat": "too_large"}  # fmt: skip
    assert [each if not each.isdigit() else "" for each in found] == [
        refused.get(deed, "") for deed in deeds
    ]


@pytest.mark.usefixtures("hostile")
def test_there_are_as_many_processes_as_threads(tmp_path: Path) -> None:
    decoder = Decoder(LIMITS, threads=3, in_flight=12)
    found = answered(decoder, items(tmp_path, ["slow"] * 12))
    assert len(set(found)) == 3
    assert decoder.seconds > 12 * 0.2


def test_whether_a_file_changed_needs_no_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_children", Children("tests.no_such_module"))
    (item,) = items(tmp_path, ["fine"])
    decoder = Decoder(LIMITS, threads=1, in_flight=1)
    assert asyncio.run(decoder.unchanged(item, content_sha256(item, LIMITS)))
    assert not asyncio.run(decoder.unchanged(item, "another"))
