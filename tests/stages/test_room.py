"""What the successor of a worker is given at once; workers and their ends are Ray's."""

import os
import signal
from collections.abc import Iterator

import pytest
import ray

from tte2_ray.errors import OutOfMemory, RuntimeFailure
from tte2_ray.pipelines.cluster import cluster
from tte2_ray.pipelines.config import LEAST_OBJECT_STORE_MB, RayConfig
from tte2_ray.stages.room import room_of
from tte2_ray.stages.work import leave_with_dead_engine


@pytest.fixture(scope="module", autouse=True)
def ray_cluster() -> Iterator[None]:
    with cluster(RayConfig(local_cpus=2, object_store_mb=LEAST_OBJECT_STORE_MB)):
        yield


@ray.remote(num_cpus=0, max_restarts=4, max_task_retries=0)
class Worker:
    """A worker with one engine."""

    def __init__(self) -> None:
        self._room = room_of("reasoner")

    def halvings(self) -> int:
        return self._room.halvings

    def halve(self) -> int:
        self._room.halve()
        return self._room.halvings

    def killed(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def leaves(self, error: RuntimeFailure) -> None:
        leave_with_dead_engine(error)


def after(worker: "ray.actor.ActorHandle[Worker]", *given: object, end: str) -> int:
    """Halvings that the successor starts with."""
    with pytest.raises(ray.exceptions.ActorUnavailableError):
        ray.get(getattr(worker, end).remote(*given))
    while True:
        try:
            return int(ray.get(worker.halvings.remote(), timeout=60))
        except ray.exceptions.ActorUnavailableError:  # not there yet
            continue


def test_one_that_was_killed_is_followed_by_one_with_half() -> None:
    worker = Worker.remote()
    assert ray.get(worker.halvings.remote()) == 0
    assert ray.get(worker.halve.remote()) == 1
    assert after(worker, end="killed") == 2
    assert after(worker, end="killed") == 3
    assert ray.get(Worker.remote().halvings.remote()) == 0, "another worker is another matter"


def test_one_that_died_of_something_else_is_followed_by_its_like() -> None:
    worker = Worker.remote()
    assert ray.get(worker.halve.remote()) == 1
    assert after(worker, RuntimeFailure("an illegal access"), end="leaves") == 1
    assert after(worker, end="killed") == 2, "what was said before the last end is forgotten"
    assert after(worker, OutOfMemory("of one request"), end="leaves") == 3


def test_outside_a_worker_nothing_is_kept() -> None:
    room = room_of("reasoner")
    room.halve()
    assert (room.halvings, room_of("reasoner").halvings) == (1, 0)
