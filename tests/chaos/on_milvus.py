"""Faults of Milvus: its server is killed in the middle of a job, and started again."""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread

from tests.chaos.faults import Kind, TooLateError
from tests.chaos.victim import Fault, exit_code
from tests.chaos.world import Reference, World
from tests.milvus_server import RealMilvus
from tests.milvus_wheel import missing
from tte2_ray.milvus.server import ensure_server, find_server, stop_server

_PACE_S = 0.02
_ENDED = {0: "the job waited", 3: "exit 3", 5: "exit 5", 6: "exit 6"}


@contextmanager
def _own_lite(world: World) -> Iterator[World]:
    """Moves a world to an embedded server of its own."""
    folder = world.folder / "milvus"
    world.milvus = replace(world.milvus, uri=ensure_server(folder).uri)
    try:
        yield world
    finally:
        stop_server(folder)


def lite_killed(world: World, reference: Reference, draw: random.Random) -> str:
    """The embedded server is killed, and started again elsewhere when the job has given up."""
    folder = world.folder / "milvus"
    server = find_server(folder)
    assert server
    job = world.start(world.call_with("milvus.patience_s=2"), Fault(pace_s=_PACE_S))
    time.sleep(draw.uniform(0.2, 0.3 + _PACE_S * len(reference.points)))
    if not job.is_alive():
        raise TooLateError
    os.kill(server.pid, signal.SIGKILL)
    code = exit_code(job)
    world.milvus = replace(world.milvus, uri=ensure_server(folder).uri)
    return _came(world, code)


@contextmanager
def _own_server(world: World) -> Iterator[World]:
    """Moves a world to a Milvus server of its own."""
    with RealMilvus(world.folder / "milvus") as server:
        world.milvus = replace(world.milvus, uri=server.uri)
        world.server = server
        yield world


def server_killed(world: World, reference: Reference, draw: random.Random) -> str:
    """The server is killed and started again while the job runs, which may wait for it."""
    server = world.server
    assert isinstance(server, RealMilvus)
    job = world.start(world.call_with("milvus.patience_s=120"), Fault(pace_s=_PACE_S))
    time.sleep(draw.uniform(0.2, 0.3 + _PACE_S * len(reference.points)))
    if not job.is_alive():
        raise TooLateError
    if draw.random() < 0.5:
        server.kill()
    else:
        server.stop()
    again = Thread(target=server.start)
    again.start()
    code = exit_code(job, timeout_s=300)
    again.join()
    return _came(world, code)


def _came(world: World, code: int) -> str:
    if code not in _ENDED:
        raise AssertionError(f"a lost Milvus ended with {code}: {world.log.read_text()[-800:]}")
    return _ENDED[code]


NAMES = ("Milvus Lite killed", "Milvus server killed")
KINDS = (
    Kind(name=NAMES[0], disturb=lite_killed, count=10, place=_own_lite),
    *(
        ()
        if missing()
        else (Kind(name=NAMES[1], disturb=server_killed, count=4, place=_own_server),)
    ),
)
"""A platform without the wheel of the server lacks the second."""
