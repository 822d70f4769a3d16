"""Queries on the fake reasoner: how a query is read and named needs no model."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tte2_ray.artifacts.keys import EcrRecipe, EmbeddingRecipe
from tte2_ray.cascade import Query, query_key, see_query, think
from tte2_ray.engines import EngineConfig, ModelInput, Reasoned, ReasonerConfig, build_reasoner
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media import MediaLimits
from tte2_ray.prompts import QUERY_INSTRUCTION
from tte2_ray.schema import Item

LIMITS = MediaLimits()
ECRS = EcrRecipe(instruction="Think, then describe.", reasoner="r1", prompt_version="1")
VECTORS = EmbeddingRecipe(
    ecr_fingerprint=ECRS.fingerprint, embedder="e1", pooling="last", dimension=8
)


@pytest.fixture
def query(tmp_path: Path) -> Query:
    picture = tmp_path / "star.png"
    Image.new("RGB", (64, 64), (200, 30, 30)).save(picture)
    given = Item(item_id="q1", text="the same, but green", image_uris=(str(picture),))
    return Query(instruction="Find the picture after the change.", given=given)


def key(query: Query, ecrs: EcrRecipe = ECRS, vectors: EmbeddingRecipe = VECTORS) -> str:
    return query_key(query, see_query(query, LIMITS), ecrs, vectors)


def test_a_query_is_read_as_task_words_and_what_to_do(query: Query) -> None:
    given = see_query(query, LIMITS).given
    assert given.text.split("\n") == [query.instruction, "the same, but green", QUERY_INSTRUCTION]
    assert [image.size for image in given.images] == [(64, 64)]


def test_the_key_follows_all_that_decides_the_vector_and_nothing_else(query: Query) -> None:
    same = replace(query, given=replace(query.given, item_id="q2"), pool=("a", "b"))
    assert key(same) == key(query)
    other_words = replace(query, given=replace(query.given, text="the same, but blue"))
    changed = [
        key(other_words),
        key(replace(query, instruction="Find a picture that matches.")),
        key(query, ecrs=replace(ECRS, reasoner="r2")),
        key(query, ecrs=replace(ECRS, sampling={"max_tokens": 9})),
        key(query, vectors=replace(VECTORS, embedder="e2")),
        key(query, vectors=replace(VECTORS, dimension=4)),
    ]
    Image.new("RGB", (64, 64), (0, 0, 0)).save(query.given.image_uris[0])
    changed.append(key(query))
    assert len({key(same), *changed}) == len(changed), "the picture alone changed between the two"


def test_a_query_of_nothing_is_refused() -> None:
    empty = Query(instruction="Find a page that matches.", given=Item(item_id="q"))
    with pytest.raises(RowError) as refused:
        see_query(empty, LIMITS)
    assert refused.value.error_class is RowErrorClass.EMPTY_ROW


def test_an_ecr_is_written_and_can_be_written_again(query: Query) -> None:
    seen = see_query(query, LIMITS)
    reasoner = build_reasoner(ReasonerConfig(engine=EngineConfig(kind="fake")))
    first, second = (asyncio.run(think(reasoner, seen)) for _ in range(2))
    assert first.text == second.text
    assert first.visual_tokens > 0


class Overrun:
    """A double of a reasoner whose output met its limit: a fake one never does."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def reason(
        self, given: ModelInput, *, most_prompt_tokens: int = 0, most_output_tokens: int = 0
    ) -> Reasoned:
        return Reasoned(text=self.text, truncated=True, prompt_tokens=1, visual_tokens=0,
                        output_tokens=1)  # fmt: skip

    def close(self) -> None:
        """Nothing to end."""


def test_an_overrun_is_closed_at_its_last_clause_and_an_empty_one_refused(query: Query) -> None:
    seen = see_query(query, LIMITS)
    said = asyncio.run(think(Overrun("<think>wants picture, 2 as"), seen))
    assert said.text == "<think>wants picture</think>wants picture"
    assert said.truncated
    with pytest.raises(RowError, match="nor a statement"):
        asyncio.run(think(Overrun("<think>"), seen))
