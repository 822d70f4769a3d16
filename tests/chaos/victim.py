"""The index job in a process of its own, without Ray, on fake engines, with a fault in it.

Processes come from a server that has imported everything and connected to nothing: a start costs
milliseconds, and three hundred of them can be killed.
"""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from tests.chaos import points
from tests.chaos.points import Moment
from tests.pipelines.without_ray import leave_ray_out
from tte2_ray.artifacts import lease_records
from tte2_ray.config import main
from tte2_ray.pipelines.index import publish
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.job import index_corpus

CONF = Path(__file__).parent.parent / "pipelines" / "nothing.yaml"
PACE_S = 0.005
"""At each point: a run takes long enough for what comes with time."""
_LOOKS_A_JUMP = 1000
_STARTING = Lock()
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["tests.chaos.victim", "pymilvus", "pyarrow.parquet", "scipy.sparse"]
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to the process itself: a signal at a point, or clocks that jump."""

    sign: int = 0
    """Signal that it sends itself at the point; 0 sends none."""
    point: str = ""
    moment: Moment = "before"
    nth: int = 1
    """The n-th time that it comes by."""
    clock_jumps_s: tuple[float, ...] = ()
    """By how much the wall clock is off, one after another: each for some looks at it."""
    trace: str = ""
    """File to which every point is written that it comes by."""
    pace_s: float = 0.0
    """Seconds that it takes at each point, so that a random moment falls anywhere."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One run of the command."""

    overrides: Sequence[str]
    log: str
    """File for what it prints."""
    redrive: bool = False
    environment: dict[str, str] = field(default_factory=dict)


def start(call: Call, fault: Fault | None = None) -> BaseProcess:
    """A process that runs the job; its exit code is the job's, or minus the signal."""
    process = _CONTEXT.Process(target=_run, args=(call, fault or Fault()))
    with _STARTING:
        process.start()
        # Whoever starts the next one asks all of these how they ended. Two threads that ask at once
        # read the exit code from one pipe, and one of them takes its end for a code of 255.
        multiprocessing.process._children.discard(process)  # type: ignore[attr-defined]
    return process


def exit_code(process: BaseProcess, timeout_s: float = 120.0) -> int:
    """How a process ended; one that hangs is killed and raises.

    Raises:
        TimeoutError: it did not end.
    """
    process.join(timeout_s)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"the job did not end within {timeout_s:.0f} s")
    return process.exitcode


def _run(call: Call, fault: Fault) -> None:
    os.environ.update(call.environment)
    with open(call.log, "ab", buffering=0) as log:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(log.fileno(), stream.fileno())
    leave_ray_out(pytest.MonkeyPatch())
    points.install(_Faulty(fault))
    if fault.clock_jumps_s:
        _jump(fault.clock_jumps_s)
    argv = [*call.overrides, *(["--redrive"] if call.redrive else [])]
    code = main(IndexConfig, index_corpus, description="", default=CONF, argv=argv)
    sys.stdout.flush()
    os._exit(code)  # no library's threads at the end: a driver that is done is gone


class _Faulty:
    """Counts points, and does what is to be done at one of them."""

    def __init__(self, fault: Fault) -> None:
        self._fault, self._seen, self._lock = fault, 0, Lock()

    def __call__(self, point: str, moment: Moment) -> None:
        fault = self._fault
        if fault.trace:
            with open(fault.trace, "a") as trace:
                trace.write(f"{point} {moment}\n")
        if fault.pace_s:
            time.sleep(fault.pace_s)
        if (point, moment) != (fault.point, fault.moment):
            return
        with self._lock:
            self._seen += 1
            if self._seen == fault.nth:
                os.kill(os.getpid(), fault.sign)
                if fault.sign != signal.SIGSTOP:
                    time.sleep(60)  # nothing more is done while the signal is on its way


def _jump(jumps_s: Sequence[float]) -> None:
    """Sets the wall clock of this process, as Python and this package read it."""
    looks, real = count(), time.time

    def off() -> float:
        return jumps_s[next(looks) // _LOOKS_A_JUMP % len(jumps_s)]

    class Jumping(datetime):
        """A double of `datetime`: `now` is off."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=off())

    time.time = lambda: real() + off()
    publish.datetime = Jumping  # type: ignore[misc]
    lease_records.datetime = Jumping  # type: ignore[misc]
