"""The job in a process of its own, which notes on disk what each worker of a phase does, and where.

python -m tests.pipelines.noting FOLDER key=value …
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tte2_ray.artifacts.shards import Shard
from tte2_ray.config import Options, load_config
from tte2_ray.media import DecodedItem
from tte2_ray.pipelines.index import job
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.schema import Item
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.reason import ReasonShards, ReasonWork
from tte2_ray.stages.work import Row


@dataclass(frozen=True, kw_only=True)
class Note:
    """One thing that a worker did."""

    node: str
    """Of Ray, in hexadecimal."""
    what: str
    """`asked`: the engine, for an item; `begun` and `done`: a shard."""
    name: str
    """Of the shard, or id of the item."""


@dataclass(frozen=True, kw_only=True)
class NotingWork(ReasonWork):
    """`ReasonWork`, and where notes go."""

    notes: str


class NotingReason(ReasonShards):
    """The stage of the job, with notes."""

    def __init__(self, work: NotingWork) -> None:
        import ray

        super().__init__(work)
        self._node = ray.get_runtime_context().get_node_id()
        self._file = Path(work.notes) / f"{os.getpid()}.jsonl"

    def _note(self, what: str, name: str) -> None:
        with self._file.open("a") as file:
            file.write(json.dumps({"node": self._node, "what": what, "name": name}) + "\n")

    async def commit(self, shard: Shard) -> Counts:
        """See `TableStage.commit`."""
        self._note("begun", shard.name)
        counts = await super().commit(shard)
        self._note("done", shard.name)
        return counts

    async def answer(self, row: Row, decoded: DecodedItem, given: Item) -> Row:
        """See `TableStage.answer`."""
        self._note("asked", given.item_id)
        return await super().answer(row, decoded, given)


def notes_in(folder: Path) -> list[Note]:
    """All notes so far; a line that is being written is left."""
    lines = [line for file in folder.iterdir() for line in file.read_text().split("\n")[:-1]]
    return [Note(**json.loads(line)) for line in lines]


def main(folder: str, overrides: Sequence[str]) -> None:
    """Runs the job."""
    work: Any = partial(NotingWork, notes=folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "ReasonWork", work)
        patch.setattr(job, "ReasonShards", NotingReason)
        job.index_corpus(load_config(IndexConfig, [], overrides), Options())


if __name__ == "__main__":
    # Under its own name, by which workers find the stage.
    from tests.pipelines import noting

    noting.main(sys.argv[1], sys.argv[2:])
