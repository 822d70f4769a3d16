"""The demo's world on disk: generated once for a seed and a generator, then read."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tte2_ray import mini
from tte2_ray.cascade import Query
from tte2_ray.mini.world import generate
from tte2_ray.schema import Item

SPLIT: Final = "test"
"""Holds combinations of attributes that no training has seen."""
_DONE = "generated.json"


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
    """Finds or generates the world of a seed, in a folder of its own under `folder`.

    Another generator makes another world: the folder is named by its source, too.
    """
    own = folder / f"world-{seed}-{queries_per_task}-{generator_digest()}"
    fresh = not (own / _DONE).exists()
    if fresh:
        shutil.rmtree(own, ignore_errors=True)  # half of one, from a run that was interrupted
        made = generate(own, seed, SPLIT, queries_per_task)
        (own / _DONE).write_text(json.dumps({"items": made.items, "queries": made.queries}))
    items = {row["item_id"]: _item(own, row) for row in _rows(own / "items.jsonl")}
    return Miniature(folder=own, items=items, questions=list(_questions(own)), fresh=fresh)


def generator_digest() -> str:
    """12 hex digits over the source of the generator."""
    digest = hashlib.sha256()
    for file in sorted(Path(mini.__file__).parent.glob("*.py")):
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def _questions(folder: Path) -> Iterator[Question]:
    grades: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels.txt").read_text().splitlines():
        query_id, _, item_id, grade = line.split()
        grades.setdefault(query_id, {})[item_id] = int(grade)
    for row in _rows(folder / "queries.jsonl"):
        given = _item(folder, {**row, "item_id": row["query_id"]})
        query = Query(instruction=row["instruction"], given=given, pool=tuple(row["pool"]))
        yield Question(query=query, task=row["task"], grades=grades[row["query_id"]])


def _item(folder: Path, row: dict[str, Any]) -> Item:
    def path(name: str) -> str:
        return str(folder / row[name]) if row.get(name) else ""

    return Item(
        item_id=row["item_id"],
        text=row["text"],
        image_uris=(path("image_uri"),) if row.get("image_uri") else (),
        video_uri=path("video_uri"),
        document_uri=path("document_uri"),
        document_page=int(row.get("document_page", 0)),
    )


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as lines:
        for line in lines:
            yield json.loads(line)
