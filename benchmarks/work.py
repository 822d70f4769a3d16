"""What both sides of a ratio work on: a job of the index pipeline whose corpus comes in rounds."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tte2_ray.artifacts.corpus import read_corpus
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import open_store
from tte2_ray.mini.world import generate
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.job import Phase, phases_of
from tte2_ray.pipelines.index.plan import Job, plan_job
from tte2_ray.schema import Item, Modality

SEED = 20_260_101
ITEMS_A_QUERY = 40
"""About what one more query a task brings into a generated world; near-misses for the most part."""
PICTURES_A_QUERY = 15


@dataclass(frozen=True, kw_only=True)
class Round:
    """The same files as in every other round, under ids of its own; whole shards."""

    items: tuple[Item, ...]
    shards: tuple[Shard, ...]


@dataclass(frozen=True, kw_only=True)
class Work:
    """A job and the rounds that its plan consists of."""

    job: Job
    rounds: tuple[Round, ...]
    """The first is one shard, for warming up."""

    @property
    def rows(self) -> int:
        """Items of each round but the first."""
        return len(self.rounds[-1].items)

    def phase(self, name: str) -> Phase:
        """A phase of the job, as the job would run it."""
        return next(phase for phase in phases_of(self.job) if phase.name == name)


def world_items(folder: Path, rows: int, modality: Modality | None = None) -> list[Item]:
    """Items of a generated world, mixed.

    Args:
        folder: the world's files go to `world` below it.
        rows: how many.
        modality: None takes all kinds, as the tasks mix them.
    """
    a_query = ITEMS_A_QUERY if modality is None else PICTURES_A_QUERY
    world = folder / "world"
    generate(world, seed=SEED, split="test", queries_per_task=-(-rows // a_query) + 1)
    read = read_corpus(str(world / "items.parquet"))
    items = [i for i in read if isinstance(i, Item) and modality in (None, i.modality)]
    random.Random(SEED).shuffle(items)
    if len(items) < rows:
        raise ValueError(f"the world brought {len(items)} items, {rows} are wanted")
    return items[:rows]


def in_rounds(folder: Path, config: IndexConfig, items: Sequence[Item], rounds: int) -> Work:
    """Plans a job over one shard to warm up and `rounds` times all items.

    Raises:
        ValueError: the items do not fill whole shards.
    """
    size = config.corpus.rows_per_shard
    if len(items) % size:
        raise ValueError(f"{len(items)} items do not fill shards of {size}")
    groups = [_renamed("warm", items[:size])]
    groups += [_renamed(f"r{number}", items) for number in range(1, rounds + 1)]
    manifest = folder / "rounds.parquet"
    _write(manifest, [item for group in groups for item in group])
    corpus = replace(config.corpus, path=str(manifest))
    store = open_store(config.store)
    job = plan_job(replace(config, corpus=corpus), store, store, again=False)
    waiting = iter(job.plan.shards)
    cut = [
        Round(items=group, shards=tuple(next(waiting) for _ in range(len(group) // size)))
        for group in groups
    ]
    return Work(job=job, rounds=tuple(cut))


def _renamed(name: str, items: Sequence[Item]) -> tuple[Item, ...]:
    return tuple(replace(item, item_id=f"{name}/{item.item_id}") for item in items)


def _write(manifest: Path, items: Sequence[Item]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tte2_ray.schema import item_schema

    pq.write_table(pa.Table.from_pylist([item.to_row() for item in items], item_schema()), manifest)
