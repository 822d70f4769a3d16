"""Runs, measures, intervals and verdicts of `make mini-eval`, on vectors made by hand."""

import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from benchmarks.mini_eval.keep import SOURCES, Kept, code_digest
from benchmarks.mini_eval.marks import Mark, marks
from benchmarks.mini_eval.parity import sample
from benchmarks.mini_eval.retrieval import measured, ranking
from benchmarks.mini_eval.slots import KINDS, kind_of
from benchmarks.mini_eval.table import attribute_rows, by_task, retrieval_rows
from benchmarks.mini_eval.world import Eval, Query, Turn, read_world
from tools import worlds
from tools.shown import ROOT
from tte2_ray.metrics.intervals import mean_of_means, ratio
from tte2_ray.mini.tasks import TASKS
from tte2_ray.mini.world import generate
from tte2_ray.schema import Item


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Eval:
    folder = tmp_path_factory.mktemp("world")
    generate(folder, seed=77, split="test", queries_per_task=2)
    return read_world(folder)


def query(name: str, task: str, pool: tuple[str, ...] = ()) -> Query:
    item = Item(item_id=name, text="which")
    return Query(turn=Turn(item=item, instruction="Find."), task=task, pool=pool)


def test_a_world_is_read_as_the_job_reads_it(world: Eval) -> None:
    assert [q.task for q in world.queries] == [task for task in TASKS for _ in range(2)]
    assert set(world.qrels) == {q.turn.name for q in world.queries}
    names = {turn.name for turn in world.items}
    assert names | set(world.qrels) == set(world.truth)
    for one in world.queries:
        assert set(one.pool) <= names
        assert bool(one.pool) == (TASKS[one.task].pool == "query")
        assert one.turn.words("red", "Describe.").startswith(
            f"{TASKS[one.task].instruction}\nred\n"
        )
        assert one.turn.item.is_empty is False
    assert world.items[0].words("", "Describe.") == "Describe."


def test_the_sample_for_transformers_holds_every_kind(world: Eval) -> None:
    chosen = sample(world, 3)
    assert list(chosen) == list(KINDS)
    for kind, turns in chosen.items():
        assert [kind_of(world.truth[turn.name]) for turn in turns] == [kind] * 3


def test_vectors_of_the_answers_find_them(world: Eval) -> None:
    generator = np.random.default_rng(0)
    items = generator.normal(size=(len(world.items), 64)).astype(np.float32)
    items /= np.linalg.norm(items, axis=1, keepdims=True)
    at = {turn.name: i for i, turn in enumerate(world.items)}
    best = [max(world.qrels[q.turn.name].items(), key=lambda pair: pair[1])[0]
            for q in world.queries]  # fmt: skip
    right = items[[at[name] for name in best]]
    values = measured(world, items, right)
    assert list(values) == list(TASKS)
    assert all((values[t] == 1).all() for t, task in TASKS.items() if task.measure == "Success@1")
    opposite = measured(world, items, -right)
    assert all((opposite[task] == 0).all() for task in TASKS)


def test_a_pool_is_ranked_alone_and_a_corpus_whole() -> None:
    names = [f"i{n}" for n in range(30)]
    place = {name: n for n, name in enumerate(names)}
    scores = np.arange(30, dtype=np.float32)
    pooled = ranking(query("q", "image_qa", pool=("i3", "i5")), scores, names, place)
    assert pooled == {"i3": 3.0, "i5": 5.0}
    whole = ranking(query("q", "image_retrieval"), scores, names, place)
    assert set(whole) == set(names[-10:])


def test_what_has_no_vector_is_found_by_none_and_finds_nothing() -> None:
    items = [Turn(item=Item(item_id=name, text=name)) for name in "ab"]
    pools = {task: ("a", "b") if spec.pool == "query" else () for task, spec in TASKS.items()}
    eval_ = Eval(items=tuple(items), queries=tuple(query(t, t, pools[t]) for t in TASKS), truth={},
                 qrels={task: {"a": 1} for task in TASKS})  # fmt: skip
    of_a, of_b, none = np.array([[1.0, 0.0], [0.0, 1.0], [np.nan, np.nan]], dtype=np.float32)
    asked = np.tile(of_a, (len(TASKS), 1))
    assert all(v == [1.0] for v in measured(eval_, np.array([of_a, of_b]), asked).values())
    rejected = measured(eval_, np.array([none, of_b]), asked)
    assert all(v < [1.0] for v in rejected.values())
    lost = measured(eval_, np.array([of_a, of_b]), np.tile(none, (len(TASKS), 1)))
    assert all(v == [0.0] for v in lost.values())


def test_ndcg_takes_grades_as_linear_gains() -> None:
    items = [Turn(item=Item(item_id=name, text=name)) for name in "ab"]
    queries = [query(task, task) for task in TASKS]
    eval_ = Eval(items=tuple(items), queries=tuple(queries), truth={},
                 qrels={task: {"a": 2, "b": 1} for task in TASKS})  # fmt: skip
    vectors = np.eye(2, dtype=np.float32)
    values = measured(eval_, vectors, np.array([[0.1, 0.9]] * len(TASKS), dtype=np.float32))
    # b, then a: (1 + 2/log2 3) / (2 + 1/log2 3); exponential gains would give 0.797
    assert values["visdoc_retrieval"] == pytest.approx([0.85972], abs=1e-5)
    assert values["image_retrieval"] == [1.0]


def test_intervals_are_as_wide_as_theory_says() -> None:
    counts = {str(n): (float(n % 10 > 0), 1.0) for n in range(500)}
    share = ratio(counts)
    assert share.value == 0.9
    assert share.high - share.low == pytest.approx(2 * 1.96 * (0.09 / 500) ** 0.5, rel=0.1)
    groups = [np.array([0.0, 1.0] * 50), np.array([1.0] * 200)]
    mean = mean_of_means(groups)
    assert (mean.value, mean.n) == (0.75, 300)  # tasks weigh the same, whatever their queries
    assert mean.high - mean.low == pytest.approx(1.96 * 0.05, rel=0.1)


def values_of(share: float) -> dict[str, "np.ndarray"]:
    return {task: (np.arange(120) < share * 120).astype(float) for task in TASKS}


def test_a_gain_holds_only_where_its_interval_is_above_zero() -> None:
    gain, queries = retrieval_rows(values_of(0.8), values_of(0.6))[:2]
    assert (gain.holds, queries.holds, queries.value) == (True, True, 1080)
    assert gain.value == pytest.approx(0.2)
    assert not retrieval_rows(values_of(0.6), values_of(0.6))[0].holds
    assert not retrieval_rows(values_of(0.6), values_of(0.8))[0].holds
    few = {task: values[:100] for task, values in values_of(0.8).items()}
    assert not retrieval_rows(few, few)[1].holds


def test_the_table_says_where_tte_is_not_better() -> None:
    direct = values_of(0.6)
    direct["image_qa"], direct["grounding"] = (
        values_of(1.0)["grounding"],
        values_of(0.8)["grounding"],
    )
    shown = by_task(retrieval_rows(values_of(0.8), direct)).splitlines()
    verdicts = {line.split()[0]: line for line in shown[1:]}
    assert verdicts["image_qa"].endswith("WORSE")
    assert verdicts["grounding"].endswith("not shown to be better")
    assert verdicts["video_qa"].endswith(" better")
    assert "mean over tasks" in shown[-1]


def test_the_target_of_attributes_can_be_missed() -> None:
    truth = "<think>close up</think>close up of red plain star"
    pairs = [(truth, truth.replace("red", "blue") if n % 5 == 0 else truth) for n in range(100)]
    found = [m for n, pair in enumerate(pairs) for m in marks(f"grounding-{n:05d}-0", *pair)]
    whole = attribute_rows(found + _others())[0]
    assert not whole.holds
    assert attribute_rows(_others())[0].holds


def _others() -> list[Mark]:
    """Every kind once, all right: each row of the table has something to count."""
    ecrs = (
        "<think>main red plain star top. 1 big, 0 tiny, no sign</think>picture of red plain star",
        "<think>start red star top. 1 events</think>video where red star vanishes",
        "<think>page memo from rome. 24 lemons, 30 ropes. more lines</think>memo from rome",
        "<think>close up</think>close up of red plain star",
    )
    return [m for n, ecr in enumerate(ecrs) for m in marks(f"all-{n:05d}-0", ecr, ecr)]


@pytest.mark.parametrize("changed", ["tte2_ray/schema/items.py", "tte2_ray/config/load.py",
                                     "tte2_ray/mini/tasks/video.py", "tte2_ray/cascade/query.py",
                                     "benchmarks/mini_eval/models.py",
                                     "benchmarks/mini_eval/looks.py",
                                     "benchmarks/mini_eval/world.py"])  # fmt: skip
def test_every_source_of_an_answer_is_in_its_name(tmp_path: Path, changed: str) -> None:
    for source in SOURCES:
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_file():
            shutil.copy(ROOT / source, tmp_path / source)
        else:
            skipped = shutil.ignore_patterns("weights", "__pycache__")
            shutil.copytree(ROOT / source, tmp_path / source, ignore=skipped)
    before = code_digest(tmp_path)
    with (tmp_path / changed).open("a") as file:
        file.write("# changed\n")
    assert code_digest(tmp_path) != before


def test_every_version_that_decides_an_answer_is_in_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = code_digest()
    for package in ("torch", "pillow", "av"):
        monkeypatch.setattr(
            worlds, "version", lambda name, p=package: "0" if name == p else version(name)
        )
        assert code_digest() != before


def test_answers_are_kept_by_recipe_and_code(tmp_path: Path) -> None:
    made: list[str] = []

    def ecrs(recipe: str, code: str) -> dict[str, str]:
        def make() -> dict[str, str]:
            made.append(recipe + code)
            return {"a": recipe}

        return Kept(folder=tmp_path, code=code).ecrs(recipe, make)

    assert ecrs("one", "x") == ecrs("one", "x") == {"a": "one"}
    assert ecrs("two", "x") == {"a": "two"}
    assert ecrs("one", "y") == {"a": "one"}
    assert made == ["onex", "twox", "oney"]
