"""Looks with a query in hand: they are put as in training, and what each ask meets is counted."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.mini_eval.accuracy import all_marks, met, reported
from benchmarks.mini_eval.looks import TASK_OF, Asked, Look, look, looks_at
from benchmarks.mini_eval.slots import Kind, kind_of
from benchmarks.mini_eval.table import exact_rows, look_rows
from benchmarks.mini_eval.world import Eval, Turn, read_world
from tools.shown import Row
from tte2_ray.ecr import parse_ecr, plain
from tte2_ray.mini.lessons import rewrite_branch
from tte2_ray.mini.truth import Truth, sample_clip, sample_page, sample_scene
from tte2_ray.mini.world import generate
from tte2_ray.schema import Item

SAMPLE = {"picture": sample_scene, "video": sample_clip, "page": sample_page}
SEED, QUERIES = 79, 3


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Eval:
    folder: Path = tmp_path_factory.mktemp("world")
    generate(folder, seed=SEED, split="test", queries_per_task=QUERIES)
    return read_world(folder)


def drawn(kind: Kind, sees: bool, number: int) -> tuple[Look, tuple[str, str]]:
    """A look, and the lesson that the same chance makes."""
    truth: Truth = SAMPLE[kind](random.Random(f"truth/{number}"), "test")
    item = Item(item_id=f"{kind}-{number}", image_uris=("a.png",))
    found = look(random.Random(number), kind, item, truth, "test", sees)
    return found, rewrite_branch(random.Random(number), truth, "test", sees)


def perfect(one: Look) -> str:
    think = "; ".join(f"{asked.words}: {asked.true}" for asked in one.asked)
    return f"<think>{think}</think>{one.kind}"


def answers(looks: list[Look]) -> dict[str, str]:
    return {one.turn.name: perfect(one) for one in looks}


@pytest.mark.parametrize("sees", [True, False])
@pytest.mark.parametrize("kind", TASK_OF)
def test_a_look_is_put_as_the_lessons_put_it(kind: Kind, sees: bool) -> None:
    for number in range(60):
        found, (said, answer) = drawn(kind, sees, number)
        assert found.turn.words(found.turn.item.text, "Describe.") == said
        assert bool(found.turn.item.image_uris) == sees
        assert {a.words: a.true for a in found.asked} == reported(answer)
        assert parse_ecr(perfect(found)).think == parse_ecr(answer).think


def test_the_ecr_that_is_given_misleads_where_it_tells_otherwise() -> None:
    misled = 0
    for number in range(200):
        found, (said, _) = drawn("video", True, number)
        happens = found.asked[0]  # the only one of a video that its ECR tells
        given = said.splitlines()[1]
        assert happens.misled == (not given.endswith(f"video where {happens.true}"))
        assert not any(asked.misled for asked in found.asked[1:])
        misled += happens.misled
        assert not any(asked.misled for asked in drawn("video", False, number)[0].asked)
    assert 40 < misled < 110, "every other ECR errs, and most often in what happens"


def test_looks_are_at_the_items_of_the_world_with_media_and_without(world: Eval) -> None:
    looks = looks_at(world, SEED, "test", QUERIES)
    assert [one.kind for one in looks] == [kind for kind in TASK_OF for _ in range(2 * QUERIES)]
    items = {turn.name: turn.item for turn in world.items}
    names = [one.turn.name for one in looks]
    assert len(set(names)) == len(names)
    assert not set(names) & set(world.truth)
    for one in looks:
        item_id = one.turn.name.removeprefix("look-").partition("-")[2]
        assert kind_of(world.truth[item_id]) == one.kind
        assert world.qrels[item_id.rpartition("-")[0]][item_id] > 0, "a query's own answer"
        given = one.turn.item
        if one.sees:
            assert replace(given, item_id=item_id, text="") == items[item_id]
        else:
            assert given.modality == "text"
            assert f"\nCandidate: {plain(world.truth[item_id])}\n" in given.text
    assert looks == looks_at(world, SEED, "test", QUERIES)
    assert len(looks_at(world, SEED, "test", QUERIES, each=2)) == 2 * 2 * 3


def test_every_row_of_looks_can_be_missed(world: Eval) -> None:
    looks = [drawn(kind, sees, n)[0] for kind in TASK_OF for sees in (True, False)
             for n in range(40)]  # fmt: skip

    def values(ecrs: dict[str, str]) -> dict[str, float]:
        rows = look_rows(looks, ecrs)
        assert not any(row.target for row in rows)
        return {row.name.removeprefix("rewrites "): row.value for row in rows}

    right = values(answers(looks))
    groups = ("what each ask meets", "pictures", "videos", "pages", "fine detail")
    assert list(right) == [
        *(f"with media: {name}" for name in groups),
        "with media: where the ECR errs",
        *(f"without media: {name}" for name in groups),
    ]
    assert set(right.values()) == {1.0}
    assert set(values({one.turn.name: "" for one in looks}).values()) == {0.0}

    def fails(wrong: list[Look]) -> set[str]:
        found = values(answers(looks) | {one.turn.name: "<think>no</think>" for one in wrong})
        return {name for name, value in found.items() if value < 1}

    blind = [one for one in looks if not one.sees and one.kind == "page"]
    assert fails(blind) == {f"without media: {name}" for name in (groups[0], "pages", groups[4])}
    misled = [one for one in looks if any(asked.misled for asked in one.asked)]
    assert "with media: where the ECR errs" in fails(misled)


def told(name: str, *asked: Asked) -> Look:
    return Look(turn=Turn(item=Item(item_id=name, text="a"), whole=True), kind="page", sees=True,
                asked=asked)  # fmt: skip


def test_an_ask_is_met_by_exactly_what_is_true_whatever_the_order() -> None:
    sender = Asked(words="memo from rome", true="memo from lima", fine=False, misled=True)
    line = Asked(words="24 keys", true="no keys", fine=True, misled=False)
    one = told("a", sender, line)

    def share(think: str) -> float:
        ecrs = {"a": f"<think>{think}</think>page"}
        return met([(one, asked) for asked in one.asked], ecrs).value

    assert share("24 keys: no keys; memo from rome: memo from lima") == 1
    assert share("memo from rome: memo from rome; 24 keys: no keys") == 0.5
    assert share("memo from rome: memo from lima; 24 rugs: no keys") == 0.5, "another ask"
    assert share("memo from rome: memo from lima; 24 keys: no keys indeed") == 0.5
    assert share("memo from lima, no keys") == 0
    assert share("24 keys: 24 keys; 24 keys: no keys") == 0, "what is said first counts"


def test_the_interval_resamples_looks_not_asks() -> None:
    asks = [Asked(words=f"{n} keys", true="no keys", fine=False, misled=False) for n in range(4)]

    def width(each: int) -> float:
        looks = [told(str(n), *asks[:each]) for n in range(400 // each)]
        ecrs = {one.turn.name: perfect(one) if n % 4 else "" for n, one in enumerate(looks)}
        e = met([(one, asked) for one in looks for asked in one.asked], ecrs)
        assert (e.value, e.n) == (0.75, 400)
        return e.high - e.low

    assert 1.6 < width(4) / width(1) < 2.5  # four asks that fail together tell no more than one


def test_a_look_that_writes_nothing_is_no_ecr_that_the_job_would_reject(world: Eval) -> None:
    looks = looks_at(world, SEED, "test", QUERIES)
    ecrs = {**world.truth, **{one.turn.name: "" for one in looks}}
    first = world.items[0].name

    def rejected(ecrs: dict[str, str]) -> Row:
        return exact_rows(world, ecrs, all_marks(world, world.truth))[0]

    assert rejected(ecrs).value == 0
    assert rejected(ecrs).n == len(world.truth)
    assert rejected(ecrs | {first: ""}).value == 1
