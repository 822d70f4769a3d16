"""The generated world: the same twice, apart between splits, hard by construction."""

import json
import random
from pathlib import Path

import pytest

from tte2_ray.mini.asks import all_hold
from tte2_ray.mini.tasks import TASKS, make_case
from tte2_ray.mini.truth import Scene, sample_scene
from tte2_ray.mini.words import is_held_out
from tte2_ray.mini.world import generate


def test_the_same_arguments_give_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        generate(tmp_path / name, seed=3, split="test", queries_per_task=1)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    assert len(files) > 20
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_no_truth_reaches_items_or_queries(tmp_path: Path) -> None:
    world = generate(tmp_path, seed=4, split="test", queries_per_task=2)
    items = (tmp_path / "items.jsonl").read_text()
    assert "<think>" not in items + (tmp_path / "queries.jsonl").read_text()
    queries = [json.loads(line) for line in (tmp_path / "queries.jsonl").read_text().splitlines()]
    judged = {line.split()[0] for line in (tmp_path / "qrels.txt").read_text().splitlines()}
    assert judged == {query["query_id"] for query in queries}
    assert world.queries == 2 * len(TASKS)


def test_what_answers_a_query_is_of_the_kind_that_it_asks_for(tmp_path: Path) -> None:
    generate(tmp_path, seed=5, split="test", queries_per_task=2)
    items = {r["item_id"]: r for r in map(json.loads, (tmp_path / "items.jsonl").open())}
    column = {"image": "image_uri", "video": "video_uri", "visdoc": "document_uri"}
    judged = [line.split() for line in (tmp_path / "qrels.txt").read_text().splitlines()]
    checked = 0
    for query_id, _, item_id, _ in judged:
        kind, _, rest = query_id.partition("_")
        if rest.startswith("retrieval") and kind in column:
            assert items[item_id][column[kind]], f"{item_id} answers {query_id}"
            checked += 1
    assert checked >= 6


@pytest.mark.parametrize("task", TASKS)
def test_near_misses_miss_and_answers_answer(task: str) -> None:
    for seed in range(30):
        case = make_case(task, random.Random(seed), "test")
        for miss in case.negatives:
            assert miss != case.positive
            if case.asks and miss.truth is not None:
                assert not all_hold(case.asks, miss.truth)
        if case.asks and case.positive.truth is not None:
            assert all_hold(case.asks, case.positive.truth)


def test_held_out_looks_are_seen_in_the_test_split_alone() -> None:
    def held_out(split: str) -> int:
        scenes: list[Scene] = [sample_scene(random.Random(n), split) for n in range(200)]
        return sum(is_held_out(*thing.look) for scene in scenes for thing in scene.things)

    assert held_out("train") == held_out("dev") == 0
    assert held_out("test") > 10
