"""Thoughts of queries on fake engines: what is remembered, and by what."""

from dataclasses import replace
from pathlib import Path

import pytest

from tools.demo import ask as module
from tools.demo.ask import Thought, think_all
from tte2_ray.cascade import Query
from tte2_ray.engines import EngineConfig
from tte2_ray.errors import ResourceMissingError
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.schema import Item

FAKE = EngineConfig(kind="fake")


@pytest.fixture
def config() -> IndexConfig:
    own = IndexConfig()
    return replace(
        own,
        reasoner=replace(own.reasoner, engine=FAKE),
        embedder=replace(own.embedder, engine=FAKE),
    )


def query(text: str) -> Query:
    return Query(instruction="Find a page that matches.", given=Item(item_id="q", text=text))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The engines that were started, in order; they are still started."""
    names: list[str] = []
    for role in ("reasoner", "embedder"):
        real = getattr(module, f"build_{role}")

        def build(config: object, role: str = role, real: object = real) -> object:
            names.append(role)
            return real(config)  # type: ignore[operator]

        monkeypatch.setattr(module, f"build_{role}", build)
    return names


def think(config: IndexConfig, memory: Path, *texts: str) -> list[Thought]:
    return think_all(config, [query(text) for text in texts], memory, lambda line: None)


def test_no_engine_starts_for_what_is_remembered(
    config: IndexConfig, tmp_path: Path, started: list[str]
) -> None:
    memory = tmp_path / "thoughts.jsonl"
    first = think(config, memory, "an invoice", "a ticket", "an invoice")
    assert started == ["reasoner", "embedder"]
    assert first[0] == first[2] != first[1]
    assert len(first[0].vector) == FAKE.fake_dimension
    assert think(config, memory, "a ticket", "an invoice") == [first[1], first[0]]
    assert len(started) == 2
    think(config, memory, "a ticket", "a letter")
    assert len(started) == 4
    assert len(memory.read_text().splitlines()) == 3


def test_another_model_remembers_nothing(
    config: IndexConfig, tmp_path: Path, started: list[str]
) -> None:
    memory = tmp_path / "thoughts.jsonl"
    think(config, memory, "an invoice")
    other = replace(config.embedder, engine=replace(FAKE, fake_dimension=32))
    (thought,) = think(replace(config, embedder=other), memory, "an invoice")
    assert len(thought.vector) == 32
    assert len(started) == 4


def test_a_query_whose_picture_is_gone_is_named(config: IndexConfig, tmp_path: Path) -> None:
    given = Item(item_id="q7", image_uris=(str(tmp_path / "gone.png"),))
    with pytest.raises(ResourceMissingError, match=r"q7.*gone\.png.*generated again"):
        think_all(config, [Query(instruction="", given=given)], tmp_path / "m", lambda line: None)
