"""Generated worlds on disk: each is made once for its arguments and its generator, then read."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tte2_ray import mini
from tte2_ray.artifacts.corpus import read_corpus, require_items
from tte2_ray.metrics import trec
from tte2_ray.mini.tasks import TASKS
from tte2_ray.mini.truth import Split
from tte2_ray.mini.world import candidates_of, generate
from tte2_ray.pipelines.evaluate.miniature import QRELS, Asked, read_asked
from tte2_ray.schema import Item

DRAWN_WITH: Final = ("numpy", "pillow", "av")
"""Packages whose version decides the bytes of a world."""


def find_world(root: Path, seed: int, split: Split, queries_per_task: int) -> tuple[Path, bool]:
    """The folder of a world below `root`, and whether this call generated it.

    Another generator makes another world: the folder is named by its source, too.
    """
    name = f"{split}-{seed}-{queries_per_task}-{generator_digest()}"
    folder, part = root / f"world-{name}", root / f"part-{name}"
    if folder.exists():
        return folder, False
    shutil.rmtree(part, ignore_errors=True)  # half of one, from a run that was interrupted
    generate(part, seed, split, queries_per_task)
    part.rename(folder)
    return folder, True


def queries_for(items: int, seed: int, split: Split) -> int:
    """How many queries a task the smallest world has that holds `items` items."""
    media, queries = 0, 0
    texts: set[str] = set()  # an item each, however often they answer
    while media + len(texts) < items:
        for task in TASKS:
            found = candidates_of(task, seed, split, queries).candidates.values()
            media += sum(one.truth is not None for one in found)
            texts |= {one.text for one in found if one.truth is None}
        queries += 1
    return queries


def generator_digest(package: Path = Path(mini.__file__).parent) -> str:
    """12 hex digits over what draws a world: the generator's source and the packages below it."""
    return source_digest([package], DRAWN_WITH)[:12]


def source_digest(sources: Sequence[Path], packages: Sequence[str]) -> str:
    """64 hex digits over Python sources and versions of packages.

    Args:
        sources: files, and folders with all that is below them.
        packages: as they are installed.
    """
    digest = hashlib.sha256()
    for source in sources:
        for file in [source] if source.is_file() else sorted(source.rglob("*.py")):
            name = file.relative_to(source.parent).as_posix()
            digest.update(json.dumps([name, file.read_text()]).encode())
    digest.update(json.dumps([(name, version(name)) for name in packages]).encode())
    return digest.hexdigest()


def read_items(folder: Path) -> list[Item]:
    """The corpus of a world, as a job reads it.

    Raises:
        ValueError: a row is no item.
    """
    items = []
    for row in require_items(read_corpus(str(folder / "items.parquet"))):
        if not isinstance(row, Item):
            raise ValueError(f"the world holds a row that is no item: {row.message}")
        items.append(row)
    return items


def read_queries(folder: Path) -> list[Asked]:
    """The queries of a world, in order."""
    return read_asked(folder)


def read_qrels(folder: Path) -> dict[str, dict[str, int]]:
    """Grades by query id and item id."""
    return trec.read_qrels((folder / QRELS).read_text().splitlines(), str(folder / QRELS))


def read_truth(folder: Path) -> Mapping[str, str]:
    """The ECR that a perfect reasoner writes, by item id or query id."""
    rows = map(json.loads, (folder / "truth.jsonl").read_text().splitlines())
    return {row.get("item_id") or row["query_id"]: row["ecr"] for row in rows}
