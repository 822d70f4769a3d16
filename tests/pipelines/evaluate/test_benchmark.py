"""A benchmark is checked where it is read: a query that no order can answer measures nothing."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.evaluate.made import benchmark, query, task
from tte2_ray.artifacts.corpus import read_corpus
from tte2_ray.errors import ConfigError, ResourceMissingError, ValidationError
from tte2_ray.mini.tasks import TASKS
from tte2_ray.mini.world import generate
from tte2_ray.pipelines.evaluate.benchmark import Benchmark
from tte2_ray.pipelines.evaluate.miniature import KINDS, QUERIES, read_asked, read_miniature
from tte2_ray.schema import Item


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("world")
    generate(made, seed=5, split="test", queries_per_task=2)
    return made


def test_the_miniature_is_nine_tasks_over_one_corpus(folder: Path) -> None:
    found = read_miniature(folder, "test")
    assert {one.name: (one.pool, one.measure) for one in found.tasks} == {
        name: (one.pool, one.measure) for name, one in TASKS.items()
    }
    assert set(KINDS) == set(TASKS)
    assert (found.name, found.split) == ("miniature", "test")
    items = {i.item_id for i in read_corpus(found.corpora["mini"]) if isinstance(i, Item)}
    for one in found.tasks:
        assert len(one.queries) == 2
        assert {i for grades in one.qrels.values() for i in grades} <= items
        assert {i for asked in one.queries for i in asked.pool} <= items
        assert {asked.instruction for asked in one.queries} == {TASKS[one.name].instruction}
    shows = Counter(one.name for one in found.tasks for q in one.queries if q.given.image_uris)
    assert set(shows) == {"image_classification", "image_qa", "composed_retrieval", "grounding"}


def test_groups_are_those_of_published_tables(folder: Path) -> None:
    sizes = {name: len(tasks) for name, tasks in read_miniature(folder).groups().items()}
    assert sizes == {"image": 5, "video": 3, "visdoc": 1, "all": 9}


def test_some_tasks_alone(folder: Path) -> None:
    whole = read_miniature(folder)
    assert [one.name for one in whole.only(("grounding", "image_qa")).tasks] == [
        "image_qa", "grounding",
    ]  # fmt: skip
    assert whole.only(()) is whole
    with pytest.raises(ConfigError, match=r"no task qa: it has image_classification, image_qa"):
        whole.only(("qa",))


def test_what_is_no_world_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResourceMissingError, match=r"no items\.parquet"):
        read_miniature(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pool": None}, "pool holds nothing, and must be a list"),
        ({"instruction": 1.5}, r"instruction holds 1\.5, and must be text"),
        ({"task": None}, "task holds nothing"),
        ({"query_id": ""}, "query_id is missing or empty"),
        ({"text": "", "image_uri": None, "image_uris": None}, "neither text nor media"),
    ],
)
def test_a_line_that_is_no_query_is_named(
    folder: Path, tmp_path: Path, changes: Mapping[str, Any], message: str
) -> None:
    first, second, *_ = (folder / QUERIES).read_text().splitlines()
    spoiled = json.dumps(json.loads(second) | changes)
    (tmp_path / QUERIES).write_text(f"{first}\n{spoiled}\n")
    with pytest.raises(ValidationError, match=rf"queries\.jsonl, line 2: {message}"):
        read_asked(tmp_path)


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (b'{"query_id": "q', "not JSON: Unterminated string"),
        ('{"text": "ä'.encode()[:-1], "not JSON: .*unexpected end of data"),
        (b'["q"]', "a query is an object"),
        (b'{"text": "what"}', "query_id is missing or empty"),
        (b'{"query_id": "q", "text": "what"}', "instruction holds nothing"),
    ],
)
def test_a_line_that_is_cut_is_named(
    folder: Path, tmp_path: Path, cut: bytes, message: str
) -> None:
    first, *_ = (folder / QUERIES).read_bytes().splitlines()
    (tmp_path / QUERIES).write_bytes(first + b"\n" + cut)
    with pytest.raises(ValidationError, match=rf"queries\.jsonl, line 2: {message}"):
        read_asked(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"qrels": {}}, "no candidate of query a-0 has a grade above 0"),
        ({"qrels": {f"a-{n}": {"right": 0} for n in range(40)}}, "no order of them can be right"),
        ({"qrels": {f"a-{n}": {"elsewhere": 1} for n in range(40)}}, "no candidate of query"),
        ({"queries": ()}, "has no queries"),
        ({"pool": "corpus"}, "its pool is of the corpus, but query a-0 brings candidates"),
        ({"queries": (query("a-0"),)}, "of the query, but query a-0 brings none"),
    ],
)
def test_a_task_that_cannot_be_measured_is_refused(
    changes: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        task("a", **changes)


def test_a_measure_is_looked_at_before_anything_runs() -> None:
    with pytest.raises(ConfigError, match="no measure of ir_measures"):
        task("a", measure="hit@1")


def test_a_benchmark_that_does_not_hold_together_is_refused() -> None:
    one = task("a")
    with pytest.raises(ValidationError, match="two of one name"):
        benchmark(one, one)
    with pytest.raises(ValidationError, match="two queries of its tasks have one id"):
        benchmark(one, task("b", queries=one.queries, qrels=one.qrels))
    with pytest.raises(ValidationError, match="no manifest of corpus"):
        Benchmark(name="miniature", split="", folder="f", corpora={}, tasks=(one,))
