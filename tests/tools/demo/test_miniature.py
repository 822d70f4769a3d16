"""The demo's world is found again, and reads as queries, items and answers."""

from pathlib import Path

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
