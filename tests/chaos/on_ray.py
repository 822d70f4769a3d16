"""Faults of a job on Ray: several nodes on this machine, of which processes and nodes are lost.

The job is the command of the README, in a process of its own. After a driver was killed it is run
again on the same nodes, where the workers of the first may still be at work. What is run last is
the same command without Ray: it has to do what was left, and must come to the same index.
"""

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil

from tests.chaos.faults import Disturb, Kind, TooLateError
from tests.chaos.world import Reference, World
from tests.nodes import Nodes
from tests.pipelines.killing import POLL_S, start_job, worker_of
from tte2_ray.errors import RuntimeFailure

NODES, CPUS = 3, 3
STAGES = ("ReasonShards", "EmbedShards", "LoadShards")
NAMES = ("Ray: driver killed", "Ray: driver paused", "Ray: actor killed", "Ray: worker killed",
         "Ray: node lost")  # fmt: skip
SLOW = ("reasoner.engine.replicas=2", "embedder.engine.replicas=2", "ray.max_restarts=4",
        "reasoner.engine.shards_in_flight=1", "embedder.engine.shards_in_flight=1",
        "reasoner.engine.fake_delay_s=0.5", "embedder.engine.fake_delay_s=0.5")  # fmt: skip
"""Slow enough to be met in a shard."""
_UP_S = 90.0
_WITHIN_S = 1.0
_ANY = "ray::"
"""Begins the title of every worker."""


def kinds_on(nodes: Nodes) -> tuple[Kind, ...]:
    """The kinds of fault that need Ray."""
    scenarios = ("first", "incremental")

    def of(name: str, disturb: Disturb, count: int) -> Kind:
        return Kind(name=name, disturb=disturb, count=count, scenarios=scenarios)

    return (
        of(NAMES[0], _driver_killed(nodes), 8),
        of(NAMES[1], _driver_paused(nodes), 4),
        of(NAMES[2], _actor_killed(nodes), 8),
        of(NAMES[3], _worker_killed(nodes), 4),
        of(NAMES[4], _node_lost(nodes), 6),
    )


def _driver_killed(nodes: Nodes) -> Disturb:
    def disturb(world: World, reference: Reference, draw: random.Random) -> str:
        stage = draw.choice(STAGES)
        with _running(world, nodes) as job:
            _wait_within(job, stage, draw)
            job.kill()
        if problems := world.half_visible(reference):
            raise AssertionError("; ".join(problems))
        with _running(world, nodes) as again:
            _require_good_end(world, again)
        return f"killed in {stage}"

    return disturb


def _driver_paused(nodes: Nodes) -> Disturb:
    """The driver is stopped, its workers go on; another driver takes over and finishes, and the
    first wakes up."""

    def disturb(world: World, reference: Reference, draw: random.Random) -> str:
        stage, before = draw.choice(STAGES), _results(world)
        with _running(world, nodes) as job:
            _wait_within(job, stage, draw)
            job.send_signal(signal.SIGSTOP)
            if _results(world) > before:  # it has nothing more to write
                raise TooLateError
            world.require_run(world.command())
            seen = world.contents()
            job.send_signal(signal.SIGCONT)
            code = job.wait(timeout=_UP_S)
        if code != RuntimeFailure.exit_code:
            raise AssertionError(f"woken up it ended with {code}: {world.log.read_text()[-2000:]}")
        if world.contents() != seen:
            raise AssertionError(f"paused in {stage}, it changed what readers see")
        return f"took over in {stage}; woke up: exit {code}"

    return disturb


def _actor_killed(nodes: Nodes) -> Disturb:
    """SIGKILL to the process of a replica."""

    def disturb(world: World, reference: Reference, draw: random.Random) -> str:
        stage = draw.choice(STAGES)
        return _goes_on(world, nodes, stage, draw, lambda: _kill(draw, stage))

    return disturb


def _worker_killed(nodes: Nodes) -> Disturb:
    """SIGKILL to any process that works for Ray, idle ones and those of tasks among them."""

    def disturb(world: World, reference: Reference, draw: random.Random) -> str:
        stage = draw.choice(STAGES)
        return _goes_on(world, nodes, stage, draw, lambda: _kill(draw, _ANY))

    return disturb


def _node_lost(nodes: Nodes) -> Disturb:
    """A node with a replica of the stage; not the head, which holds the driver's connection."""

    def disturb(world: World, reference: Reference, draw: random.Random) -> str:
        stage = draw.choice(STAGES)

        def lose() -> str:
            raylets = nodes.raylets()
            at_work = {raylets[w.ppid()] for w in _workers(stage) if w.ppid() in raylets}
            if not at_work:
                raise TooLateError
            nodes.lose(draw.choice(sorted(at_work)))
            return "lost"

        try:
            return _goes_on(world, nodes, stage, draw, lose)
        finally:
            nodes.make_whole()

    return disturb


def _results(world: World) -> int:
    """How many versions have written the last object of theirs."""
    return sum(key.endswith("/results.json") for key, _ in world.store.list("indexes"))


def _kill(draw: random.Random, what: str) -> str:
    """Kills a worker of a title, and tells which."""
    try:
        worker = draw.choice(_workers(what))
        title = " ".join(worker.cmdline()).removeprefix(_ANY).strip()
        worker.kill()
    except (psutil.NoSuchProcess, IndexError):
        raise TooLateError from None
    return f"{title or 'a worker'} killed"


def _goes_on(
    world: World, nodes: Nodes, stage: str, draw: random.Random, harm: Callable[[], str]
) -> str:
    """A job in a stage of which something is killed, and which is to end well all the same."""
    with _running(world, nodes) as job:
        _wait_within(job, stage, draw)
        done = harm()
        _require_good_end(world, job)
    return f"{done} in {stage}; went on"


def _wait_within(job: "subprocess.Popen[str]", stage: str, draw: random.Random) -> None:
    """Returns at a random moment of a stage."""
    _wait_for(job, lambda: worker_of(stage) is not None)
    time.sleep(draw.uniform(0.0, _WITHIN_S))
    if job.poll() is not None:
        raise TooLateError


def _require_good_end(world: World, job: "subprocess.Popen[str]") -> None:
    if code := job.wait(timeout=_UP_S):
        raise AssertionError(f"the job ended with {code}: {world.log.read_text()[-2000:]}")


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


def _workers(title: str) -> list[psutil.Process]:
    """Those that descend from this process."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if line.startswith(_ANY) and title in line:
                found.append(process)
    return found
