"""Answers made by hand: what the demo shows and states of them needs no model."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tools.demo.ask import Answer, Thought
from tools.demo.miniature import Miniature, Question
from tte2_ray.cascade import Query
from tte2_ray.milvus.searcher import Hit
from tte2_ray.schema import Item

Answered = Callable[..., Answer]


@pytest.fixture
def world(tmp_path: Path) -> Miniature:
    """Five short texts and a picture."""
    Image.new("RGB", (64, 64), (200, 30, 30)).save(tmp_path / "star.png")
    items = {f"text-{n}": Item(item_id=f"text-{n}", text=f"word {n}") for n in range(5)}
    picture = Item(item_id="picture", image_uris=(str(tmp_path / "star.png"),))
    return Miniature(folder=tmp_path, items={**items, "picture": picture}, questions=[], fresh=True)


@pytest.fixture
def answered() -> Answered:
    """Makes an answer from the ids of its hits."""

    def make(
        *found: str, grades: dict[str, int], task: str = "image_qa", text: str = "which?",
        pool: tuple[str, ...] = (), refusal: str = "",
    ) -> Answer:  # fmt: skip
        query = Query(instruction="Answer.", given=Item(item_id="q", text=text), pool=pool)
        thought = Thought(ecr="" if refusal else "<think>wants it</think>it", vector=(1.0,),
                          prompt_tokens=10, output_tokens=4, refusal=refusal)  # fmt: skip
        fields = {"ecr": "<think>seen</think>a thing"}
        hits = tuple(Hit(item_id=i, score=0.9 - n / 10, fields=fields) for n, i in enumerate(found))
        question = Question(query=query, task=task, grades=grades)
        return Answer(question=question, thought=thought, hits=hits)

    return make
