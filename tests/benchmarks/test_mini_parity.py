"""The way through transformers, and what is said of it beside vLLM."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.mini_eval.models import job_config
from benchmarks.mini_eval.parity import Peer
from benchmarks.mini_eval.table import PARITY, parity_rows
from benchmarks.mini_eval.world import Turn, read_world
from tte2_ray.engines import resolve_model
from tte2_ray.mini.tasks import TASKS
from tte2_ray.mini.world import generate
from tte2_ray.pipelines.index.report import spread
from tte2_ray.schema import Item


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[Turn]:
    """A query of every task: pictures, videos and words alone."""
    folder: Path = tmp_path_factory.mktemp("world")
    generate(folder, seed=78, split="test", queries_per_task=1)
    return [query.turn for query in read_world(folder).queries]


def test_queries_of_all_tasks_share_a_batch(asked: list[Turn]) -> None:
    assert len(asked) == len(TASKS)
    config = job_config()
    peer = Peer(resolve_model("mini:embedder"), config.media, config.embedder.instruction)
    ecrs = [f"<think>{turn.name}</think>thing {n}" for n, turn in enumerate(asked)]
    together = peer.vectors(asked, ecrs)
    apart = [peer.vectors([turn], [ecr])[0] for turn, ecr in zip(asked, ecrs, strict=True)]
    cosines = (together * np.array(apart)).sum(axis=1)
    assert cosines.min() > 0.9999
    between = together @ together.T - np.eye(len(asked))
    assert between.max() < 0.9999, "or any vector would do"


def test_sixty_queries_of_1008_are_of_every_task() -> None:
    turns = [
        Turn(item=Item(item_id=f"{task} {n}", text="which")) for task in TASKS for n in range(112)
    ]
    names = [turn.name.partition(" ")[0] for turn in spread(turns, 60)]
    assert len(names) == 60
    assert {names.count(task) for task in TASKS} == {6, 7}


def test_the_targets_of_parity_can_be_missed() -> None:
    def broken(pages: list[bool], queries: list[bool], cosine: float) -> list[str]:
        items = {"picture": [True] * 200, "page": pages}
        rows = parity_rows(items, queries, {"embedder": np.array([1.0, cosine])})
        return [row.name.removeprefix(PARITY).strip() for row in rows if not row.holds]

    assert broken([True] * 95 + [False] * 5, [True] * 59 + [False], 0.9995) == []
    assert broken([True] * 93 + [False] * 7, [True] * 60, 1.0) == ["same greedy ECR, items"]
    assert broken([True] * 100, [True] * 58 + [False] * 2, 1.0) == ["same greedy ECR, queries"]
    assert broken([True] * 100, [True] * 60, 0.9985) == ["least cosine, embedder"]
    assert broken([True] * 39, [True] * 60, 1.0) == ["items compared"]


def test_parity_says_by_kind_who_differs_and_how_sure_the_share_is() -> None:
    alike = parity_rows({"picture": [True] * 200, "page": [True] * 40}, [True] * 60, {})
    assert (alike[0].value, alike[0].high) == (1, 1)
    assert alike[0].low == pytest.approx(0.9842, abs=1e-4)
    assert not [row for row in alike if "pages" in row.name]
    rows = parity_rows({"picture": [True] * 200, "page": [True] * 39 + [False]}, [True] * 60, {})
    found = {row.name.rpartition(" ")[2]: (row.value, row.n) for row in rows}
    assert found["pages"] == (39 / 40, 40)
    assert found["pictures"] == (1.0, 200)
