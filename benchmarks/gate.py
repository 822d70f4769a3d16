"""A phase that waits between rounds, so that the other side can be measured with engines up.

Starting an engine takes longer than a round. So a phase is run once, by the job's own `run_phase`,
over the shards of all rounds; its workers let a shard through when its gate is open, and a round
ends when the markers of its shards lie in the store.
"""

import asyncio
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.markers import marker_key
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import Store
from tte2_ray.pipelines.flow import Phase
from tte2_ray.pipelines.phases import run_phase
from tte2_ray.stages.load import LoadShards

if TYPE_CHECKING:
    import numpy as np

Batch = Mapping[str, "np.ndarray[Any, Any]"]
_GATE_S = 0.02
"""Between two looks at a gate. Calls that wait look while the *other* side is timed, on the same
cores; how late they find a gate open is in the phase's own time."""
_MARKER_S = 0.005
"""Between two looks for a marker, while the phase is timed; likewise in its own time."""
_START_S = 600.0
_READY = "ready"


@dataclass(frozen=True, kw_only=True)
class Gated:
    """What a gated stage is given."""

    stage: type
    """Of the job."""
    work: object
    """What the job gives it."""
    folder: Path
    """Where gates are files, named by their shards."""


class GatedStage:
    """A stage of the job behind gates; one that holds an engine."""

    def __init__(self, given: Gated) -> None:
        self._stage = given.stage(given.work)
        self._folder = given.folder
        _say_ready(given.folder)

    async def __call__(self, batch: Batch) -> Any:
        while not _open(self._folder, batch):
            await asyncio.sleep(_GATE_S)
        return await self._stage(batch)


class GatedLoad:
    """The loading stage of the job behind gates."""

    shards_a_call = LoadShards.shards_a_call

    def __init__(self, given: Gated) -> None:
        self._stage = given.stage(given.work)
        self._folder = given.folder
        _say_ready(given.folder)

    def __call__(self, batch: Batch) -> Any:
        while not _open(self._folder, batch):
            time.sleep(_GATE_S)
        return self._stage(batch)


def _say_ready(folder: Path) -> None:
    """A file for each worker."""
    ready = folder / _READY
    ready.mkdir(exist_ok=True)
    (ready / str(os.getpid())).touch()


def _open(folder: Path, batch: Batch) -> bool:
    return all((folder / str(name)).exists() for name in batch["name"])


class GatedPhase:
    """A phase at work behind gates.

    Args:
        phase: of the job.
        store: where it commits.
        gates: their folder.
        running: the phase, in a thread of its own.
    """

    def __init__(
        self, phase: Phase, store: Store, gates: Path, running: "Future[list[Any]]"
    ) -> None:
        self._phase, self._store, self._gates, self._running = phase, store, gates, running

    def wait_ready(self, workers: int = 1) -> None:
        """Returns when so many workers are up, their engines included.

        Raises:
            TimeoutError: they are not, after ten minutes. Otherwise what the phase raised.
        """
        deadline, ready = time.monotonic() + _START_S, self._gates / _READY
        while not ready.exists() or len(list(ready.iterdir())) < workers:
            self._check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{workers} workers of the phase did not start")
            time.sleep(0.05)

    def seconds(self, shards: Sequence[Shard]) -> float:
        """Opens the gates of shards; seconds until the last of them is committed."""
        keys = [marker_key(self._phase.prefix, shard) for shard in shards]
        began = time.perf_counter()
        self.open(shards)
        while keys:
            if self._store.exists(keys[-1]):
                keys.pop()
                continue
            self._check()
            time.sleep(_MARKER_S)
        return time.perf_counter() - began

    def open(self, shards: Sequence[Shard]) -> None:
        """Lets shards through."""
        for shard in shards:
            (self._gates / shard.name).touch()

    def _check(self) -> None:
        if self._running.done():
            self._running.result()
            raise RuntimeError("the phase ended before its last shard")


@contextmanager
def gated(
    phase: Phase,
    store: Store,
    shards: Sequence[Shard],
    folder: Path,
    gate: type = GatedStage,
    workers: int = 1,
) -> Iterator[GatedPhase]:
    """Runs a phase of a job behind gates; those still closed open when the context ends.

    Args:
        phase: of the job.
        store: where it commits.
        shards: that it is run over, in order.
        folder: for the gates; must not exist.
        gate: `GatedLoad` for the loading phase.
        workers: that are waited for.
    """
    folder.mkdir()
    given = Gated(stage=phase.stage, work=phase.work, folder=folder)
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(lambda: list(run_phase(gate, given, shards, phase.pool)))
        behind = GatedPhase(phase, store, folder, running)
        try:
            behind.wait_ready(workers)
            yield behind
        finally:
            behind.open(shards)
            running.result()
