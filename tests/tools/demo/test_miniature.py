"""The demo's world is generated once, and whole."""

from pathlib import Path

import pytest

from tools.demo import miniature as module
from tools.demo.miniature import miniature
from tte2_ray.cascade import see_query
from tte2_ray.mini.tasks import TASKS
from tte2_ray.pipelines.index.config import IndexConfig


def test_a_world_is_found_again_and_reads_as_queries_items_and_answers(tmp_path: Path) -> None:
    first = miniature(tmp_path, seed=3, queries_per_task=1)
    again = miniature(tmp_path, seed=3, queries_per_task=1)
    assert (first.fresh, again.fresh) == (True, False)
    assert again.questions == first.questions
    assert {q.task for q in first.questions} == set(TASKS)
    for question in first.questions:
        assert set(question.grades) <= set(first.items)
        assert set(question.query.pool) <= set(first.items)
        see_query(question.query, IndexConfig().media)
    pools = {q.task: bool(q.query.pool) for q in first.questions}
    assert pools == {name: task.pool == "query" for name, task in TASKS.items()}


def test_half_a_world_and_one_of_another_generator_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = miniature(tmp_path, seed=3, queries_per_task=1)
    (first.folder / "generated.json").unlink()  # as an interruption leaves it
    (first.folder / "left-over").touch()
    second = miniature(tmp_path, seed=3, queries_per_task=1)
    assert second.fresh
    assert second.folder == first.folder
    assert not (first.folder / "left-over").exists()
    monkeypatch.setattr(module, "generator_digest", lambda: "of another source")
    assert miniature(tmp_path, seed=3, queries_per_task=1).folder != first.folder
