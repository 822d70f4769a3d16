"""How a shard is answered and committed, on a store on disk and without Ray."""

import asyncio
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tte2_ray.artifacts.corpus import CorpusRow
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.generations import next_generation
from tte2_ray.artifacts.keys import EcrRecipe, EmbeddingRecipe
from tte2_ray.artifacts.markers import marker_key, table_key
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.artifacts.tables import read_table
from tte2_ray.engines import Embedded, EmbedderConfig, EngineConfig, ReasonerConfig
from tte2_ray.engines.fake import FakeEmbedder, FakeReasoner
from tte2_ray.errors import RuntimeFailure
from tte2_ray.media import MediaLimits
from tte2_ray.schema import Item, ecr_schema, vector_schema
from tte2_ray.stages import work
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.embed import EmbedShards, EmbedWork
from tte2_ray.stages.reason import ReasonShards, ReasonWork
from tte2_ray.stages.work import as_columns, counts_of

DIMENSION = 8
ECR = EcrRecipe(instruction="look", reasoner="fake", prompt_version="1")
VECTORS = EmbeddingRecipe(ecr_fingerprint=ECR.fingerprint, embedder="fake", pooling="last",
                          dimension=DIMENSION)  # fmt: skip
FAKE = EngineConfig(kind="fake", fake_dimension=DIMENSION)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def shard_of(store: Store, items: Sequence[CorpusRow]) -> Shard:
    (shard,) = freeze_plan(store, "corpora/c", items, len(items)).shards
    return shard


def texts(count: int) -> list[CorpusRow]:
    return [Item(item_id=f"t{n}", text=f"words {n}") for n in range(count)]


def reason(store: Store, shard: Shard) -> Counts:
    asked = ReasonWork(index="t", root=store.root, prefix="ecr/f", recipe=ECR,
                       reasoner=ReasonerConfig(engine=FAKE), limits=MediaLimits())  # fmt: skip
    return asyncio.run(ReasonShards(asked).commit(shard))


def embed(store: Store, shard: Shard) -> Counts:
    asked = EmbedWork(index="t", root=store.root, ecr_prefix="ecr/f", prefix="vectors/f",
                      recipe=VECTORS, embedder=EmbedderConfig(engine=FAKE),
                      limits=MediaLimits())  # fmt: skip
    return asyncio.run(EmbedShards(asked).commit(shard))


def redriven(shard: Shard) -> Shard:
    return replace(shard, name=next_generation(shard.name), earlier=shard.name)


def rows_of(store: Store, prefix: str, shard: Shard) -> list[dict[str, Any]]:
    schema = ecr_schema() if prefix == "ecr/f" else vector_schema(DIMENSION)
    rows: list[dict[str, Any]] = read_table(store, table_key(prefix, shard), schema).to_pylist()
    return rows


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    """No item may be reasoned about from here on."""

    async def refuse(*_: object) -> None:
        raise AssertionError("an item was reasoned about again")

    monkeypatch.setattr(FakeReasoner, "reason", refuse)


def test_the_marker_counts_what_the_table_holds(store: Store, tmp_path: Path) -> None:
    missing = Item(item_id="gone", image_uris=(str(tmp_path / "gone.png"),))
    shard = shard_of(store, [*texts(3), missing])
    counts = reason(store, shard)
    assert (counts.rows, counts.done, counts.rejected) == (4, 3, 1)
    assert counts.classes == {"not_found": 1}
    assert counts.output_tokens == 3 * 8
    stored = json.loads(store.get(marker_key("ecr/f", shard)))
    assert Counts.from_dict(stored) == counts
    assert counts_of({"counts": as_columns([counts])["counts"][0]}) == counts
    assert [row["error_stage"] for row in rows_of(store, "ecr/f", shard)] == ["", "", "", "decode"]

    embedded = embed(store, shard)
    assert (embedded.rows, embedded.done, embedded.rejected) == (4, 3, 1)
    assert embedded.classes == {}, "the one that failed before is counted, but not named again"


def test_a_crash_between_table_and_marker_costs_no_token(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = shard_of(store, texts(3))
    first = reason(store, shard)
    store.delete(marker_key("ecr/f", shard))
    forbid(monkeypatch)
    again = reason(store, shard)
    assert (again.done, again.output_tokens, again.taken_over) == (first.done, 0, 3)
    marker = Counts.from_dict(json.loads(store.get(marker_key("ecr/f", shard))))
    assert marker.output_tokens == first.output_tokens, "it counts what the table holds"


def test_a_later_attempt_counts_the_table_of_the_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = shard_of(store, texts(3))
    slow = FakeReasoner.reason

    async def overtaken(self: FakeReasoner, given: Any, **bounds: Any) -> Any:
        monkeypatch.setattr(FakeReasoner, "reason", slow)
        await asyncio.to_thread(reason, store, shard)  # the other attempt commits in between
        return await slow(self, given, **bounds)

    monkeypatch.setattr(FakeReasoner, "reason", overtaken)
    counts = reason(store, shard)
    assert counts.done == 3
    assert rows_of(store, "ecr/f", shard)[0]["ecr"]


def test_the_next_generation_runs_only_what_was_rejected(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "late.png"
    late = Item(item_id="late", image_uris=(str(picture),))
    shard = shard_of(store, [*texts(2), late])
    assert reason(store, shard).rejected == 1
    Image.new("RGB", (64, 64)).save(picture)
    asked = []
    answer = FakeReasoner.reason

    async def noted(self: FakeReasoner, given: Any, **bounds: Any) -> Any:
        asked.append(given)
        return await answer(self, given, **bounds)

    monkeypatch.setattr(FakeReasoner, "reason", noted)
    again = redriven(shard)
    counts = reason(store, again)
    assert (counts.rows, counts.done, counts.taken_over) == (3, 3, 2)
    assert counts.output_tokens == 8, "tokens of the rows that were taken over were spent before"
    assert len(asked) == 1
    assert rows_of(store, "ecr/f", again)[:2] == rows_of(store, "ecr/f", shard)[:2]


def test_a_model_that_was_not_run_before_has_nothing_to_take_over(store: Store) -> None:
    shard = redriven(shard_of(store, texts(2)))
    assert reason(store, shard).done == 2
    assert embed(store, shard).done == 2


def test_a_good_row_whose_file_changed_is_not_taken_over(store: Store, tmp_path: Path) -> None:
    changing, gone = tmp_path / "a.png", tmp_path / "b.png"
    for picture in (changing, gone):
        Image.new("RGB", (64, 64), "red").save(picture)
    items = [Item(item_id=path.name, image_uris=(str(path),)) for path in (changing, gone)]
    shard = shard_of(store, [*texts(1), *items])
    assert (reason(store, shard).done, embed(store, shard).done) == (3, 3)
    Image.new("RGB", (64, 64), "blue").save(changing)
    gone.unlink()
    again = redriven(shard)
    assert reason(store, again).classes == {"not_found": 1}
    assert embed(store, again).done == 2
    for prefix in ("ecr/f", "vectors/f"):
        before, after = rows_of(store, prefix, shard), rows_of(store, prefix, again)
        assert after[0] == before[0]
        assert after[1]["ecr_key"] != before[1]["ecr_key"]


def test_a_file_that_does_not_answer_keeps_its_row(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (64, 64), "red").save(picture)
    shard = shard_of(store, [Item(item_id="a", image_uris=(str(picture),))])
    assert reason(store, shard).done == 1
    forbid(monkeypatch)

    def refuse(*_: object) -> None:  # a double: to root every file is readable
        raise PermissionError(13, "refused")

    monkeypatch.setattr("tte2_ray.media.fetch._open_regular", refuse)
    assert reason(store, redriven(shard)).done == 1


def test_a_row_that_changed_is_not_taken_over_where_its_file_does_not_answer(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would keep the ECR of other words, and pass for good."""
    picture = tmp_path / "a.png"
    Image.new("RGB", (64, 64), "red").save(picture)
    items = [Item(item_id=each, text="a note", image_uris=(str(picture),)) for each in "ab"]
    before = shard_of(store, items)
    assert reason(store, before).done == 2
    changed = shard_of(store, [items[0], replace(items[1], text="another note")])

    def refuse(*_: object) -> None:
        raise PermissionError(13, "refused")

    monkeypatch.setattr("tte2_ray.media.fetch._open_regular", refuse)
    counts = reason(store, replace(changed, earlier=before.name))
    assert (counts.done, counts.classes) == (1, {"fetch_failed": 1})


def test_what_only_the_store_of_files_failed_at_ends_the_job_and_no_worker(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its engine lives: another would meet the same."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeFailure("S3 failed")

    monkeypatch.setattr("tte2_ray.media.content.fetch", fail)
    monkeypatch.setattr(work, "leave_with_dead_engine", lambda _: pytest.fail("left"))
    shard = shard_of(store, [Item(item_id="a", image_uris=(str(tmp_path / "a.png"),))])
    with pytest.raises(RuntimeFailure, match="S3 failed"):
        reason(store, shard)


def test_a_file_that_changed_after_it_was_reasoned_about(store: Store, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (64, 64), "red").save(picture)
    shard = shard_of(store, [Item(item_id="a", image_uris=(str(picture),))])
    assert reason(store, shard).done == 1
    Image.new("RGB", (64, 64), "blue").save(picture)
    assert embed(store, shard).classes == {"content_changed": 1}
    again = redriven(shard)
    assert (reason(store, again).done, embed(store, again).done) == (1, 1)


@pytest.mark.parametrize("vector", [[math.nan] * 8, [0.0] * 8, [1.0] * 7, [math.inf] * 8])
def test_a_vector_that_finds_everything_or_nothing_is_rejected(
    store: Store, monkeypatch: pytest.MonkeyPatch, vector: list[float]
) -> None:
    shard = shard_of(store, texts(2))
    reason(store, shard)

    async def broken(*_: object) -> Embedded:
        return Embedded(vector=vector, prompt_tokens=1, visual_tokens=0)

    monkeypatch.setattr(FakeEmbedder, "embed", broken)
    assert embed(store, shard).classes == {"bad_vector": 2}
    assert rows_of(store, "vectors/f", shard)[0]["error_stage"] == "embed"


def test_an_ecr_without_a_word_is_rejected(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = FakeReasoner.reason

    async def silent(self: FakeReasoner, given: Any, **bounds: Any) -> Any:
        return replace(await answer(self, given, **bounds), text="<think>")

    monkeypatch.setattr(FakeReasoner, "reason", silent)
    assert reason(store, shard_of(store, texts(1))).classes == {"empty_ecr": 1}
