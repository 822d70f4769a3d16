"""Faults of a job on Ray: several nodes on this machine, of which processes and nodes are lost.

The job is the command of the README, in a process of its own. What is run again afterwards is the
same command without Ray: it has to do what was left, and must come to the same index.
"""

import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil

from tests.chaos.faults import Disturb, Kind, TooLateError
from tests.chaos.world import Reference, World
from tests.nodes import Nodes
from tests.pipelines.killing import POLL_S, start_job, worker_of

NODES, CPUS = 3, 3
STAGES = ("ReasonShards", "EmbedShards", "LoadShards")
NAMES = ("Ray: driver killed", "Ray: actor killed", "Ray: worker killed", "Ray: node lost")
SLOW = ("reasoner.engine.replicas=2", "embedder.engine.replicas=2", "ray.max_restarts=4",
        "reasoner.engine.shards_in_flight=1", "embedder.engine.shards_in_flight=1",
        "reasoner.engine.fake_delay_s=0.5", "embedder.engine.fake_delay_s=0.5")  # fmt: skip
"""Slow enough to be met in a shard."""
_UP_S = 90.0
_NAMES_OF_WORKERS = ("ray::",)


def kinds_on(nodes: Nodes) -> tuple[Kind, ...]:
    """The kinds of fault that need Ray."""
    scenarios = ("first", "incremental")

    def of(name: str, disturb: Disturb, count: int) -> Kind:
        return Kind(name=name, disturb=disturb, count=count, scenarios=scenarios)

    return (
        of(NAMES[0], _driver_killed(nodes), 8),
        of(NAMES[1], _actor_killed(nodes), 8),
        of(NAMES[2], _worker_killed(nodes), 4),
        of(NAMES[3], _node_lost(nodes), 6),
    )


def _driver_killed(nodes: Nodes) -> Disturb:
    def disturb(world: World, reference: Reference, draw: random.Random) -> str:
        stage = draw.choice(STAGES)
        with _running(world, nodes) as job:
            _wait_for(job, lambda: worker_of(stage) is not None)
            time.sleep(draw.uniform(0.0, 1.5))
            if job.poll() is not None:
                raise TooLateError
            job.kill()
        return f"killed in {stage}"

    return disturb


def _actor_killed(nodes: Nodes) -> Disturb:
    """SIGKILL to the process of a replica."""

    def disturb(world: World, reference: Reference, draw: random.Random) -> str:
        stage = draw.choice(STAGES)

        def kill() -> None:
            if worker := worker_of(stage):
                worker.kill()

        return _goes_on(world, nodes, stage, draw, kill)

    return disturb


def _worker_killed(nodes: Nodes) -> Disturb:
    """SIGKILL to any process that works for Ray, idle ones and those of tasks among them."""

    def disturb(world: World, reference: Reference, draw: random.Random) -> str:
        def kill() -> None:
            with suppress(psutil.NoSuchProcess, IndexError):
                draw.choice(_workers()).kill()

        return _goes_on(world, nodes, draw.choice(STAGES), draw, kill)

    return disturb


def _node_lost(nodes: Nodes) -> Disturb:
    def disturb(world: World, reference: Reference, draw: random.Random) -> str:
        stage = draw.choice(STAGES)
        # Not the head, which holds the driver's connection.
        lost = draw.choice(nodes.others())
        try:
            return _goes_on(world, nodes, stage, draw, lambda: nodes.lose(lost))
        finally:
            nodes.make_whole()

    return disturb


def _goes_on(
    world: World, nodes: Nodes, stage: str, draw: random.Random, kill: Callable[[], None]
) -> str:
    """A job in a stage of which something is killed, and which is to end well all the same."""
    with _running(world, nodes) as job:
        _wait_for(job, lambda: worker_of(stage) is not None)
        time.sleep(draw.uniform(0.0, 1.5))
        if job.poll() is not None:
            raise TooLateError
        kill()
        code = job.wait(timeout=_UP_S)
    if code:
        raise AssertionError(f"the job ended with {code}: {world.log.read_text()[-2000:]}")
    return f"went on in {stage}"


@contextmanager
def _running(world: World, nodes: Nodes) -> Iterator["subprocess.Popen[str]"]:
    """The command under test on Ray, ended whatever happens."""
    call = world.call_with(*SLOW, f"ray.address={nodes.address}")
    with world.log.open("a") as log:
        job = start_job(["--config", "tests/pipelines/nothing.yaml", *call.overrides], log)
        try:
            yield job
        finally:
            job.kill()
            job.wait(timeout=30)


def _wait_for(job: "subprocess.Popen[str]", holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _UP_S
    while not holds():
        if job.poll() is not None:
            raise TooLateError
        if time.monotonic() > deadline:
            raise TimeoutError("the moment for a fault on Ray did not come")
        time.sleep(POLL_S)


def _workers() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if " ".join(process.cmdline()).startswith(_NAMES_OF_WORKERS):
                found.append(process)
    return found
