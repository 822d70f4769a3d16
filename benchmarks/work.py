"""What both sides of a ratio work on: a job of the index pipeline whose corpus comes in rounds.

Each round has files of its own: what an engine remembers of a prompt or of a picture saves nothing
later, on neither side.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tools.shown import BUILD
from tools.worlds import find_world, queries_for, read_items
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import open_store
from tte2_ray.mini.render import draw_scene
from tte2_ray.mini.truth import Split, sample_scene
from tte2_ray.pipelines.flow import Phase
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.job import phases_of
from tte2_ray.pipelines.index.plan import Job, plan_job
from tte2_ray.schema import Item

SEED = 20_260_101
SPLIT: Final[Split] = "test"
WORLDS = BUILD / "bench"
"""Worlds are kept from run to run, and shared by the parts of one."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """Items that no other round has; whole shards."""

    items: tuple[Item, ...]
    shards: tuple[Shard, ...]


@dataclass(frozen=True, kw_only=True)
class Work:
    """A job and the rounds that its plan consists of."""

    job: Job
    warm: Round
    """For warming up; it is not measured."""
    rounds: tuple[Round, ...]

    @property
    def rows(self) -> int:
        """Items of each round."""
        return len(self.rounds[-1].items)

    def phase(self, name: str) -> Phase:
        """A phase of the job, as the job would run it."""
        return next(phase for phase in phases_of(self.job) if phase.name == name)


def find_items(rows: int, root: Path = WORLDS) -> tuple[list[Item], Path]:
    """Items of a generated world, mixed; and the folder of that world.

    Args:
        rows: how many.
        root: where worlds are kept.
    """
    world, _ = find_world(root, SEED, SPLIT, queries_for(rows, SEED, SPLIT))
    items = read_items(world)
    random.Random(SEED).shuffle(items)
    return items[:rows], world


def draw_pictures(folder: Path, rows: int) -> list[Item]:
    """Pictures of the world's scenes alone, each another scene.

    Args:
        folder: where they go; must not exist.
        rows: how many.
    """
    folder.mkdir()
    items = []
    for number in range(rows):
        rng = random.Random(f"bench/{SEED}/{number}")
        path = folder / f"{number:06d}.png"
        draw_scene(sample_scene(rng, SPLIT), rng, rng.randint(100, 160)).save(path)
        items.append(Item(item_id=path.stem, image_uris=(path.as_uri(),)))
    return items


def in_rounds(
    folder: Path, config: IndexConfig, items: Sequence[Item], *, warm: int, rounds: int
) -> Work:
    """Plans a job over all items, and cuts it into rounds.

    Args:
        folder: for the manifest.
        config: of the job.
        items: of the warming up, then of each round.
        warm: how many of them are for warming up.
        rounds: equal parts of the others.

    Raises:
        ValueError: the items do not fill whole shards.
    """
    size, each = config.corpus.rows_per_shard, (len(items) - warm) // rounds
    if warm % size or each % size or warm + each * rounds != len(items):
        raise ValueError(f"{len(items)} items, {warm} of them to warm up, do not fill shards of "
                         f"{size} in {rounds} rounds")  # fmt: skip
    manifest = folder / "rounds.parquet"
    _write(manifest, items)
    corpus = replace(config.corpus, path=str(manifest))
    store = open_store(config.store)
    job = plan_job(replace(config, corpus=corpus), store, store, again=False)

    def cut(start: int, rows: int) -> Round:
        shards = job.plan.shards[start // size : (start + rows) // size]
        return Round(items=tuple(items[start : start + rows]), shards=tuple(shards))

    starts = range(warm, len(items), each)
    return Work(job=job, warm=cut(0, warm), rounds=tuple(cut(start, each) for start in starts))


def _write(manifest: Path, items: Sequence[Item]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tte2_ray.schema import item_schema

    pq.write_table(pa.Table.from_pylist([item.to_row() for item in items], item_schema()), manifest)
