"""The miniature's world folder as a benchmark: one corpus, nine tasks after the types of MMEB-V2.

What is true of the items (`truth.jsonl`) is not read.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tte2_ray.artifacts.corpus import parse_row
from tte2_ray.artifacts.corpus.source import resolver
from tte2_ray.cascade import Query
from tte2_ray.errors import ResourceMissingError, RowError, ValidationError
from tte2_ray.metrics import read_qrels
from tte2_ray.pipelines.evaluate.benchmark import Benchmark, Modality, Task, TaskType
from tte2_ray.pipelines.evaluate.cells import Cells

ITEMS, QUERIES, QRELS = "items.parquet", "queries.jsonl", "qrels.txt"
CORPUS: Final = "mini"
KINDS: Mapping[str, tuple[TaskType, Modality]] = {
    "image_classification": ("classification", "image"),
    "image_qa": ("qa", "image"),
    "image_retrieval": ("retrieval", "image"),
    "composed_retrieval": ("retrieval", "image"),
    "grounding": ("grounding", "image"),
    "video_retrieval": ("retrieval", "video"),
    "video_qa": ("qa", "video"),
    "moment_retrieval": ("moment", "video"),
    "visdoc_retrieval": ("visdoc", "visdoc"),
}
"""Type and modality of each task, by its name."""
_ID = "query_id"
_MEDIA = ("text", "image_uri", "video_uri", "document_uri", "document_page")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A query of a world."""

    query: Query
    task: str
    measure: str


def read_miniature(folder: Path, split: str = "") -> Benchmark:
    """Reads what `tte2_ray.mini.world.generate` wrote.

    Args:
        folder: of the world.
        split: of the world's seeds, as the report is to name it.

    Raises:
        ResourceMissingError: a file of a world is not there.
        ValidationError: it holds what is no world.
    """
    for name in (ITEMS, QUERIES, QRELS):
        if not (folder / name).is_file():
            raise ResourceMissingError(
                f"{folder} is no folder of a miniature world: it has no {name}; "
                "`make evaluate` makes one below build/evaluate"
            )
    by_task: dict[str, list[Asked]] = {}
    for asked in read_asked(folder):
        by_task.setdefault(asked.task, []).append(asked)
    grades = read_qrels((folder / QRELS).read_text().splitlines(), str(folder / QRELS))
    tasks = tuple(_task(name, asked, grades, folder) for name, asked in by_task.items())
    return Benchmark(name="miniature", split=split, folder=str(folder),
                     corpora={CORPUS: str(folder / ITEMS)}, tasks=tasks)  # fmt: skip


def read_asked(folder: Path) -> list[Asked]:
    """The queries of a world, in order.

    Args:
        folder: of the world.

    Raises:
        ValidationError: a line is no query.
    """
    resolve = resolver((folder / QUERIES).resolve().as_uri())
    return [_asked(row, resolve) for row in _rows(folder / QUERIES)]


def _asked(row: Cells, resolve: Callable[[str], str]) -> Asked:
    columns = {name: row.raw(name) for name in (_ID, *_MEDIA)}
    try:
        given = parse_row(columns, resolve, id_column=_ID)
    except RowError as error:
        raise row.wrong(error.message) from error
    query = Query(instruction=row.text("instruction"), given=given, pool=tuple(row.texts("pool")))
    return Asked(query=query, task=row.text("task"), measure=row.text("measure"))


def _task(
    name: str, asked: list[Asked], grades: Mapping[str, Mapping[str, int]], folder: Path
) -> Task:
    measures = {one.measure for one in asked}
    if name not in KINDS or len(measures) != 1:
        raise ValidationError(f"{folder}: task {name} is not known, or has not one measure")
    kind, modality = KINDS[name]
    queries = tuple(one.query for one in asked)
    qrels = {query.given.item_id: grades.get(query.given.item_id, {}) for query in queries}
    return Task(name=name, type=kind, modality=modality,
                pool="query" if queries[0].pool else "corpus", measure=measures.pop(),
                corpus=CORPUS, queries=queries, qrels=qrels)  # fmt: skip


def _rows(path: Path) -> Iterator[Cells]:
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        row = Cells(where=f"{path}, line {number}", cells={})
        try:
            found = json.loads(line)
        except ValueError as error:  # a file that was cut may end within a character, too
            raise row.wrong(f"not JSON: {error}") from error
        if not isinstance(found, dict):
            raise row.wrong(f"a query is an object, not {ascii(found)[:80]}")
        yield replace(row, cells=found)
