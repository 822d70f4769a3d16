"""Candidates as judge and rewriter see them: real files of a frozen corpus."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.generations import next_generation
from tte2_ray.artifacts.keys import EcrRecipe, ecr_key
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.cascade import Candidate
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media import MediaLimits, decode_item
from tte2_ray.schema import Item
from tte2_ray.stages import candidate_media
from tte2_ray.stages.candidate_media import CandidateMedia
from tte2_ray.stages.decoder import Decoder

RECIPE = EcrRecipe(instruction="Think.", reasoner="r", prompt_version="1")
LIMITS = MediaLimits()
COUNT = 6


@pytest.fixture
def frozen(tmp_path: Path) -> tuple[Store, list[Candidate]]:
    """Pictures with words in shards of four, and the candidates that they would be found as."""
    store, items = open_store(str(tmp_path / "store")), []
    for n in range(COUNT):
        Image.new("RGB", (64, 64), (n * 9, 90, 200)).save(tmp_path / f"{n}.png")
        items.append(
            Item(item_id=f"i{n}", text=f"no {n}", image_uris=(str(tmp_path / f"{n}.png"),))
        )
    plan = freeze_plan(store, "corpora/c", items, 4)
    shards = [shard.name for shard in plan.shards for _ in range(shard.rows)]
    return store, [
        Candidate(item_id=item.item_id, rank=n + 1, retriever_score=0.0, ecr="", ecr_tokens=0,
                  ecr_key=ecr_key(decode_item(item, LIMITS).content_sha256, RECIPE),
                  prompt_tokens=0, visual_tokens=0, shard=shard)
        for n, (item, shard) in enumerate(zip(items, shards, strict=True))
    ]  # fmt: skip


def media(store: Store) -> tuple[CandidateMedia, Decoder]:
    decoder = Decoder(LIMITS, threads=2, in_flight=8)
    return CandidateMedia(store, "corpora/c", RECIPE, decoder), decoder


def refusal(store: Store, candidate: Candidate) -> RowErrorClass:
    shown, _ = media(store)
    with pytest.raises(RowError) as raised:
        asyncio.run(shown.show(candidate))
    return raised.value.error_class


def test_a_candidate_is_shown_with_words_and_pixels(
    frozen: tuple[Store, list[Candidate]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, candidates = frozen
    monkeypatch.setattr(candidate_media, "_DECODED_HELD", 3)
    shown, _ = media(store)

    async def show_all() -> list[tuple[str, tuple[int, ...]]]:
        found = [await shown.show(each) for each in [*candidates, *reversed(candidates)]]
        return [(each.text, each.images[0].getpixel((0, 0))) for each in found]

    seen = asyncio.run(show_all())
    assert seen[:COUNT] == [(f"no {n}", (n * 9, 90, 200)) for n in range(COUNT)]
    assert seen[COUNT:] == seen[:COUNT][::-1]


def test_many_who_ask_at_once_share_one_decoding(
    frozen: tuple[Store, list[Candidate]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, candidates = frozen
    shown, decoder = media(store)
    decoded: list[str] = []
    decode = decoder.decode

    async def counted(item: Item) -> object:
        decoded.append(item.item_id)
        return await decode(item)

    monkeypatch.setattr(decoder, "decode", counted)

    async def show_twice() -> None:
        await asyncio.gather(*(shown.show(each) for each in [*candidates, *candidates]))

    asyncio.run(show_twice())
    assert sorted(decoded) == [f"i{n}" for n in range(COUNT)]


def test_a_redriven_shard_is_found_where_its_rows_lie(
    frozen: tuple[Store, list[Candidate]],
) -> None:
    store, candidates = frozen
    shown, _ = media(store)
    again = replace(candidates[0], shard=next_generation(candidates[0].shard))
    assert asyncio.run(shown.show(again)).text == "no 0"


def test_what_is_gone_or_changed_is_a_row_error(
    frozen: tuple[Store, list[Candidate]], tmp_path: Path
) -> None:
    store, candidates = frozen
    assert refusal(store, replace(candidates[0], shard="0" * 32)) is RowErrorClass.NOT_FOUND
    assert refusal(store, replace(candidates[0], item_id="other")) is RowErrorClass.NOT_FOUND
    Image.new("RGB", (64, 64)).save(tmp_path / "1.png")
    assert refusal(store, candidates[1]) is RowErrorClass.CONTENT_CHANGED
    (tmp_path / "2.png").unlink()
    assert refusal(store, candidates[2]) is RowErrorClass.NOT_FOUND


def test_a_failure_is_not_remembered(frozen: tuple[Store, list[Candidate]], tmp_path: Path) -> None:
    store, candidates = frozen
    shown, _ = media(store)
    picture = tmp_path / "3.png"
    kept = picture.read_bytes()

    async def show() -> str:
        return (await shown.show(candidates[3])).text

    async def later() -> str:
        picture.unlink()
        with pytest.raises(RowError):
            await show()
        picture.write_bytes(kept)
        return await show()

    assert asyncio.run(later()) == "no 3"
