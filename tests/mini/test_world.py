"""The generated world: the same twice, apart between splits, hard by construction."""

import json
import random
from collections import defaultdict
from pathlib import Path

import pytest

from tte2_ray.mini.asks import all_hold
from tte2_ray.mini.edits import change
from tte2_ray.mini.embedder import case_batch
from tte2_ray.mini.tasks import TASKS, make_case
from tte2_ray.mini.truth import (
    Clip,
    Page,
    Scene,
    Split,
    Truth,
    actor_states,
    sample_clip,
    sample_scene,
)
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
    def held_out(split: Split) -> int:
        seen = 0
        for n in range(200):
            rng = random.Random(n)
            scene, clip = sample_scene(rng, split), sample_clip(rng, split)
            truths = [scene, clip, change(rng, scene, split), change(rng, clip, split)]
            seen += sum(is_held_out(*look) for truth in truths for look in looks(truth))
        return seen

    assert held_out("train") == held_out("dev") == 0
    assert held_out("test") > 10


def looks(truth: Truth | None) -> list[tuple[str, str, str]]:
    if isinstance(truth, Scene):
        return [thing.look for thing in (*truth.things, *truth.tinies)]
    if isinstance(truth, Clip):
        actors = [a for state in actor_states(truth) for a in state if a is not None]
        return [thing.look for thing in (*actors, truth.tiny)]
    return []


@pytest.mark.parametrize("task", ["image_retrieval", "composed_retrieval", "visdoc_retrieval"])
def test_a_bag_of_attributes_cannot_tell_every_near_miss_from_the_answer(task: str) -> None:
    def bag(truth: Truth | None) -> list[str]:
        if isinstance(truth, Page):
            return sorted([truth.kind, truth.city, truth.footer, *map(str, sum(truth.lines, ()))])
        assert isinstance(truth, Scene)
        words = [(*t.look, t.region) for t in truth.things]
        return sorted([*(w for four in words for w in four), *(w for t in looks(truth) for w in t)])

    for seed in range(60):
        case = make_case(task, random.Random(seed), "test")
        bags = [bag(miss.truth) for miss in case.negatives]
        assert bag(case.positive.truth) in bags, f"seed {seed}"


def test_neither_ids_nor_the_order_of_a_pool_tell_the_answer(tmp_path: Path) -> None:
    generate(tmp_path, seed=6, split="test", queries_per_task=6)
    answers: dict[str, list[str]] = defaultdict(list)
    for query_id, _, item_id, _ in map(str.split, (tmp_path / "qrels.txt").open()):
        answers[query_id].append(item_id)
    pools = [(q["pool"], answers[q["query_id"]]) for q in
             map(json.loads, (tmp_path / "queries.jsonl").open()) if q["pool"]]  # fmt: skip
    first = [pool[0] in right for pool, right in pools]
    numbered = [item for right in answers.values() for item in right if not item.startswith("text")]
    assert 0 < sum(first) < len(first) / 2
    assert len({item.rpartition("-")[2] for item in numbered}) > 3


def test_dev_cases_are_not_those_of_training() -> None:
    def truths(split: Split) -> set[Truth]:
        cases = case_batch(0, 0, 3, split)
        return {c.positive.truth for c in cases if c.positive.truth is not None}

    assert len(truths("dev")) > 10
    assert not truths("dev") & truths("train")
