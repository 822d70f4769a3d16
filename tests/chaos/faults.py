"""Faults of a job that needs no Ray: each disturbs one run of the command, as a seed draws it."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from tests.chaos.disk_full import small_disk
from tests.chaos.points import Moment
from tests.chaos.victim import PACE_S, Fault, exit_code
from tests.chaos.world import SCENARIOS, Reference, World

Disturb = Callable[[World, Reference, random.Random], str]
"""Runs the command of a prepared world with a fault; what came of it, in a word or two.

Raises:
    TooLateError: the run had ended before; nothing was disturbed.
"""

OF_TIME = ("lease.beat",)
"""Points that come with time: a run must take long enough."""
_YEAR_S = 365 * 86400.0


class TooLateError(Exception):
    """The fault came to nothing: it is drawn again."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of fault."""

    name: str
    disturb: Disturb
    count: int
    """How many of it `make chaos` injects."""
    scenarios: tuple[str, ...] = SCENARIOS
    """In which it can come to something."""
    place: Callable[[World], AbstractContextManager[World]] = nullcontext
    """Moves a world before it is prepared: to another store, to another Milvus."""
    engines: tuple[str, ...] = ()
    """Overrides that replace the fake engines."""


def killed_at(point: str, moment: Moment) -> Disturb:
    """SIGKILL to the driver when it comes by a commit point, one of the times that it does."""

    def disturb(world: World, reference: Reference, draw: random.Random) -> str:
        of_time = point in OF_TIME
        times = 1 if of_time else Counter(reference.points)[f"{point} {moment}"]
        fault = Fault(sign=signal.SIGKILL, point=point, moment=moment, nth=draw.randint(1, times),
                      pace_s=PACE_S if of_time else 0.0)  # fmt: skip
        return _killed(exit_code(world.start(world.command(), fault)))

    return disturb


def killed_any_time(world: World, reference: Reference, draw: random.Random) -> str:
    """SIGKILL to the driver at a random moment."""
    process = world.start(world.command(), Fault(pace_s=PACE_S))
    time.sleep(draw.uniform(0.05, 0.4 + PACE_S * len(reference.points)))
    process.kill()
    return _killed(exit_code(process))


def paused(world: World, reference: Reference, draw: random.Random) -> str:
    """The driver is stopped at a random point, another one takes over and finishes, and the first
    wakes up: it must change nothing that readers see."""
    point, moment = draw.choice([each for each in reference.points if "lease" not in each]).split()
    sleeper = world.start(world.command(), Fault(sign=signal.SIGSTOP, point=point, moment=moment))
    wait_until_stopped(sleeper.pid)
    world.require_run(world.command())
    seen = world.contents()
    os.kill(sleeper.pid, signal.SIGCONT)
    code = exit_code(sleeper)
    if world.contents() != seen:
        raise AssertionError(f"paused at {point} {moment}, it changed what readers see")
    # Stopped behind its last question whether it may write, it has nothing more to lose.
    return f"took over; woke up: exit {code}"


def two_at_once(world: World, reference: Reference, draw: random.Random) -> str:
    """The same command twice at once: the second is refused, or comes when the first is done."""
    slow = Fault(pace_s=draw.choice([0.0, PACE_S]))
    first = world.start(world.command(), slow)
    time.sleep(draw.uniform(0.0, 0.5))
    codes = sorted([exit_code(world.start(world.command())), exit_code(first)])
    if codes not in ([0, 0], [0, 3]):
        raise AssertionError(f"two at once ended with {codes}")
    return "one refused" if codes[1] else "one after the other"


def queued(world: World, reference: Reference, draw: random.Random) -> str:
    """The same command twice at once, told to queue: both end well."""
    call = world.call_with("lease.wait_s=60")
    first = world.start(call, Fault(pace_s=draw.choice([0.0, PACE_S])))
    time.sleep(draw.uniform(0.0, 0.3))
    codes = [exit_code(world.start(call)), exit_code(first)]
    if codes != [0, 0]:
        raise AssertionError(f"two in a queue ended with {codes}")
    return "both done"


def clocks_jump(world: World, reference: Reference, draw: random.Random) -> str:
    """The wall clock jumps by up to a year, again and again; half of the time the driver is killed
    besides. A request to Milvus whose deadline was jumped over fails, and the job with it."""
    jumps = tuple(draw.uniform(-_YEAR_S, _YEAR_S) for _ in range(16))
    fault = Fault(clock_jumps_s=jumps)
    if draw.random() < 0.5:
        point, moment = draw.choice(reference.points).split()
        fault = replace(fault, sign=signal.SIGKILL, point=point, moment=moment)
    code = exit_code(world.start(world.command(), fault))
    if code not in (0, 3, 6, -signal.SIGKILL):
        raise AssertionError(f"with clocks that jump it ended with {code}")
    return {0: "done", -signal.SIGKILL: "killed"}.get(code, f"exit {code}")


def disk_full(world: World, reference: Reference, draw: random.Random) -> str:
    """The disk of the store is full in the middle, and somebody makes room."""
    with small_disk(world.folder / "store", draw) as disk:
        code = exit_code(world.start(world.command()))
        disk.make_room()
        if code == 0:
            raise TooLateError
        if code != 6 or "No space left" not in world.log.read_text():
            raise AssertionError(f"a full disk ended with {code}: {world.log.read_text()[-500:]}")
        # The disk goes with the context: what must hold is looked at here.
        world.finish(reference)
    return "exit 6, no space left"


def _killed(code: int) -> str:
    if code == 0:
        raise TooLateError
    if code != -signal.SIGKILL:
        raise AssertionError(f"it ended by itself, with {code}")
    return "killed"


def wait_until_stopped(pid: int | None) -> None:
    """Returns when a process has stopped itself."""
    assert pid
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with open(f"/proc/{pid}/stat") as stat:
            state = stat.read().rpartition(")")[2].split()[0]
        if state == "T":
            return
        if state == "Z":
            raise TooLateError
        time.sleep(0.01)
    raise TimeoutError("the driver did not come by the point at which it was to stop")


KINDS = (
    Kind(name="killed at a random moment", disturb=killed_any_time, count=20),
    Kind(name="paused while another takes over", disturb=paused, count=10),
    Kind(name="two drivers at once", disturb=two_at_once, count=10),
    Kind(name="two drivers in a queue", disturb=queued, count=5),
    Kind(name="clocks jump", disturb=clocks_jump, count=12),
    # A reload writes what it has deleted before.
    Kind(name="disk full", disturb=disk_full, count=10,
         scenarios=("first", "incremental", "embedder", "redrive")),
)  # fmt: skip
"""Beside a kill at each commit point."""
