"""The demo's world: found or generated, and read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.worlds import find_world, read_items, read_qrels, read_queries
from tte2_ray.cascade import Query
from tte2_ray.schema import Item

SPLIT: Final = "test"
"""Holds combinations of attributes that no training has seen."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A query of the world with what answers it."""

    query: Query
    task: str
    grades: dict[str, int]
    """Item ids to grades above 0, from the qrels."""

    @property
    def best(self) -> int:
        """The highest grade; an item of it is a right answer, one of less is near."""
        return max(self.grades.values())

    def answers(self, item_id: str) -> bool:
        """Whether an item is as good an answer as there is."""
        return self.grades.get(item_id, 0) == self.best


@dataclass(frozen=True, kw_only=True)
class Miniature:
    """A generated world, read."""

    folder: Path
    items: dict[str, Item]
    questions: list[Question]
    fresh: bool
    """Whether this run generated it."""

    @property
    def manifest(self) -> Path:
        """What the job indexes."""
        return self.folder / "items.parquet"


def miniature(folder: Path, seed: int, queries_per_task: int) -> Miniature:
    """Finds or generates the world of a seed, in a folder of its own under `folder`."""
    own, fresh = find_world(folder, seed, SPLIT, queries_per_task)
    grades = read_qrels(own)
    questions = [
        Question(query=asked.query, task=asked.task, grades=grades[asked.query.given.item_id])
        for asked in read_queries(own)
    ]
    items = {item.item_id: item for item in read_items(own)}
    return Miniature(folder=own, items=items, questions=questions, fresh=fresh)
