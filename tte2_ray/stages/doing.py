"""What the workers of a phase are at, for a driver that hears nothing of them.

Each worker tells Ray's own key-value store (in the head, apart from objects) now and then; nothing
is told where there is no Ray.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from threading import Thread

TOLD_EVERY_S = 2.0
_NAMESPACE = b"tte2_ray"


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a worker is at, of one kind."""

    name: str
    """E.g. "fetching and decoding"."""
    count: int
    """How often at once."""
    longest: str
    """What it has been at for longest: an item, a shard."""
    since_s: float
    """For how long, in seconds."""


class Doing:
    """Keeps what one worker is at, and tells it for as long as the process lives.

    Args:
        phase: its name.
    """

    def __init__(self, phase: str) -> None:
        self._phase = phase
        self._now: dict[int, tuple[str, str, float]] = {}
        self._numbers = count()
        if "ray" in sys.modules:
            Thread(target=self._tell, daemon=True, name="doing").start()

    @contextmanager
    def at(self, step: str, what: str) -> Iterator[Callable[[str], None]]:
        """At a step while the context lasts.

        Args:
            step: of which kind.
            what: an item or a shard.

        Yields:
            Called with another kind of step, it is at that from then on.
        """
        number = next(self._numbers)

        def go_to(step: str) -> None:
            self._now[number] = (step, what, time.monotonic())

        go_to(step)
        try:
            yield go_to
        finally:
            del self._now[number]

    def steps(self) -> list[Step]:
        """Each kind of step that it is at; the one that takes longest first."""
        now = time.monotonic()
        found: dict[str, list[tuple[float, str]]] = {}
        for step, what, since in list(self._now.values()):
            found.setdefault(step, []).append((now - since, what))
        steps = [
            Step(name=name, count=len(each), longest=max(each)[1], since_s=max(each)[0])
            for name, each in found.items()
        ]
        return sorted(steps, key=lambda step: -step.since_s)

    def _tell(self) -> None:
        import ray
        from ray.experimental.internal_kv import _internal_kv_put

        key = f"{self._phase}/{socket.gethostname()}-{os.getpid()}".encode()
        while ray.is_initialized():
            told = json.dumps([asdict(step) for step in self.steps()]).encode()
            _internal_kv_put(_of_job() + key, told, namespace=_NAMESPACE)
            time.sleep(TOLD_EVERY_S)


def told(phase: str) -> dict[str, list[Step]]:
    """What workers of a phase of this job said last, by host and process.

    Args:
        phase: its name.
    """
    from ray.experimental.internal_kv import _internal_kv_get, _internal_kv_list

    prefix = _of_job() + f"{phase}/".encode()
    found = {}
    for key in _internal_kv_list(prefix, namespace=_NAMESPACE):
        said = json.loads(_internal_kv_get(key, namespace=_NAMESPACE) or b"[]")
        found[key.removeprefix(prefix).decode()] = [Step(**step) for step in said]
    return found


def _of_job() -> bytes:
    import ray

    return f"{ray.get_runtime_context().get_job_id()}/".encode()
