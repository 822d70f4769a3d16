"""Candidates as judge and rewriter see them: real files of a frozen corpus."""

import asyncio
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cascade.scripted import ByName, Saying, asked, cascade
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.generations import next_generation
from tte2_ray.artifacts.keys import EcrRecipe, ecr_key
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.cascade import BudgetConfig, Candidate, rerank_many
from tte2_ray.engines import Judged, Reasoned
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media import DecodedItem, MediaLimits, decode_item
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


def media(store: Store, at_once: int = 8) -> tuple[CandidateMedia, Decoder]:
    decoder = Decoder(LIMITS, threads=2, in_flight=8)
    return CandidateMedia(store, "corpora/c", RECIPE, decoder, at_once), decoder


async def seen(shown: CandidateMedia, candidate: Candidate) -> DecodedItem:
    """What is shown, kept longer than it should be."""
    async with shown.show(candidate) as decoded:
        return decoded


def refusal(store: Store, candidate: Candidate) -> RowErrorClass:
    shown, _ = media(store)
    with pytest.raises(RowError) as raised:
        asyncio.run(seen(shown, candidate))
    return raised.value.error_class


def test_a_candidate_is_shown_with_words_and_pixels(
    frozen: tuple[Store, list[Candidate]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, candidates = frozen
    monkeypatch.setattr(candidate_media, "_DECODED_HELD", 3)
    shown, _ = media(store)

    async def show_all() -> list[tuple[str, tuple[int, ...]]]:
        found = [await seen(shown, each) for each in [*candidates, *reversed(candidates)]]
        return [(each.text, each.images[0].getpixel((0, 0))) for each in found]

    told = asyncio.run(show_all())
    assert told[:COUNT] == [(f"no {n}", (n * 9, 90, 200)) for n in range(COUNT)]
    assert told[COUNT:] == told[:COUNT][::-1]


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
        await asyncio.gather(*(seen(shown, each) for each in [*candidates, *candidates]))

    asyncio.run(show_twice())
    assert sorted(decoded) == [f"i{n}" for n in range(COUNT)]


def test_a_redriven_shard_is_found_where_its_rows_lie(
    frozen: tuple[Store, list[Candidate]],
) -> None:
    store, candidates = frozen
    shown, _ = media(store)
    again = replace(candidates[0], shard=next_generation(candidates[0].shard))
    assert asyncio.run(seen(shown, again)).text == "no 0"


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
        return (await seen(shown, candidates[3])).text

    async def later() -> str:
        picture.unlink()
        with pytest.raises(RowError):
            await show()
        picture.write_bytes(kept)
        return await show()

    assert asyncio.run(later()) == "no 3"


class Looking(ByName):
    """A `Judge` and a `Reasoner` that take their time over each candidate."""

    async def judge(self, *given: Any, **bounds: Any) -> Judged:
        await asyncio.sleep(0.002)
        return await super().judge(*given, **bounds)

    async def reason(self, *given: Any, **bounds: Any) -> Reasoned:
        await asyncio.sleep(0.002)
        return await Saying(lambda _: "better").reason(*given, **bounds)


@pytest.mark.parametrize("mode", ["media", "ecr"])
def test_no_more_are_decoded_than_may_be_shown_and_were_shown_last(
    frozen: tuple[Store, list[Candidate]], monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Whatever the number of queries, those of other shards among them, and of their candidates."""
    store, found = frozen
    found = [replace(each, ecr=f"no {each.rank}", visual_tokens=36) for each in found]
    monkeypatch.setattr(candidate_media, "_DECODED_HELD", 1)
    shown, decoder = media(store, at_once=2)
    living: weakref.WeakSet[DecodedItem] = weakref.WeakSet()
    counts, decode = [], decoder.decode

    async def counted(item: Item) -> DecodedItem:
        decoded = await decode(item)
        living.add(decoded)
        counts.append(len(living))
        return decoded

    monkeypatch.setattr(decoder, "decode", counted)
    rewriter = Looking({}) if mode == "ecr" else None
    parts: dict[str, Any] = {"judge": COUNT, "shown": shown, "mode": mode}
    if rewriter is not None:
        parts |= {"rewrite": COUNT, "rewrite_sees_media": True}

    async def rerank_shards() -> None:
        shards = [[(asked(f"q{shard}{n}"), found) for n in range(4)] for shard in range(3)]
        made = [cascade(Looking({"no": 0.5}), rewriter, **parts) for _ in shards]
        answers = await asyncio.gather(*(
            rerank_many(each, queries, BudgetConfig())
            for each, queries in zip(made, shards, strict=True)
        ))  # fmt: skip
        assert all(answer.refusals == 0 for some in answers for answer in some)

    asyncio.run(asyncio.wait_for(rerank_shards(), 60))
    assert len(counts) > COUNT
    assert max(counts) <= 2 + 1
