"""A generated world, read as a job would read it, and the truth beside it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tte2_ray.artifacts.corpus import parse_row, read_corpus
from tte2_ray.artifacts.corpus.source import resolver
from tte2_ray.prompts import item_text, query_text
from tte2_ray.schema import Item


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Something that is shown to a model: an item of the corpus, or a query."""

    item: Item
    instruction: str = ""
    """Of a query's task; "" for an item."""

    @property
    def name(self) -> str:
        """Id of the item or query."""
        return self.item.item_id

    def words(self, text: str) -> str:
        """What the user says, with the text as it was decoded."""
        return query_text(self.instruction, text) if self.instruction else item_text(text)


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query and where it searches."""

    turn: Turn
    task: str
    pool: tuple[str, ...]
    """Item ids that are ranked; empty for the whole corpus."""


@dataclass(frozen=True, kw_only=True)
class Eval:
    """Everything that is measured on."""

    items: tuple[Turn, ...]
    queries: tuple[Query, ...]
    qrels: dict[str, dict[str, int]]
    """Grades by query id and item id."""
    truth: dict[str, str]
    """The ECR that a perfect reasoner writes, by item id or query id."""


def read_world(folder: Path) -> Eval:
    """Reads what `tte2_ray.mini.world.generate` wrote."""
    items = []
    for row in read_corpus(str(folder / "items.parquet")):
        if not isinstance(row, Item):
            raise ValueError(f"the world holds a row that is no item: {row.message}")
        items.append(Turn(item=row))
    truth = {
        row.get("item_id") or row["query_id"]: row["ecr"] for row in _rows(folder / "truth.jsonl")
    }
    return Eval(
        items=tuple(items), queries=tuple(_queries(folder)), qrels=_qrels(folder), truth=truth
    )


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as lines:
        yield from map(json.loads, lines)


def _queries(folder: Path) -> Iterator[Query]:
    resolve = resolver((folder / "queries.jsonl").resolve().as_uri())
    media = ("text", "image_uri", "video_uri", "document_uri", "document_page")
    for row in _rows(folder / "queries.jsonl"):
        columns = {name: row[name] for name in media if name in row}
        item = parse_row({"item_id": row["query_id"], **columns}, resolve)
        turn = Turn(item=item, instruction=row["instruction"])
        yield Query(turn=turn, task=row["task"], pool=tuple(row["pool"]))


def _qrels(folder: Path) -> dict[str, dict[str, int]]:
    grades: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels.txt").read_text().splitlines():
        query, _, item, grade = line.split()
        grades.setdefault(query, {})[item] = int(grade)
    return grades
