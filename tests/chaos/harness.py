"""Disturb a job, run the same command again, and compare with a run that nobody disturbed.

    prepare ─▶ disturb ─▶ what do readers see? ─▶ the same command ─▶ the same index? ─▶ remove

An injection is named by its kind and its seed, and can be run again alone.
"""

import random
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from tests.chaos.faults import Kind, TooLateError, killed_at
from tests.chaos.world import SCENARIOS, Reference, World
from tte2_ray.errors import TteError
from tte2_ray.milvus.config import MilvusConfig

_TRIES = 5
"""Draws of a fault that comes too late."""
AT_POINTS = "killed at"


@dataclass(frozen=True, kw_only=True)
class Injection:
    """One disturbance."""

    kind: Kind
    scenario: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it."""

    injection: Injection
    came: str
    """What the fault did, in a word or two."""
    problems: tuple[str, ...]
    """Empty where nothing was lost, doubled or half visible."""
    seconds: float


Told = Callable[[Outcome], None]


class Harness:
    """Runs injections on one Milvus.

    Args:
        folder: for worlds.
        milvus: that all of them share.
    """

    def __init__(self, folder: Path, milvus: MilvusConfig) -> None:
        self.folder, self._milvus = folder, milvus
        self._references: dict[tuple[str, tuple[str, ...]], Reference] = {}
        self._number, self._lock = 0, Lock()

    def reference(self, scenario: str, engines: tuple[str, ...] = ()) -> Reference:
        """What an undisturbed run of a scenario leaves."""
        key = (scenario, engines)
        if key not in self._references:
            world = self._world(*key)
            self._references[key] = world.refer()
            world.drop()
            world.delete()
        return self._references[key]

    def at_points(self, seed: int, scenarios: Sequence[str] = SCENARIOS) -> list[Injection]:
        """A kill at each moment of each commit point that a scenario comes by."""
        found = []
        for scenario in scenarios:
            for each in dict.fromkeys(self.reference(scenario).points):
                point, moment = each.split()
                kind = Kind(name=f"{AT_POINTS} {point}, {moment}", count=1,
                            disturb=killed_at(point, moment))  # type: ignore[arg-type] # fmt: skip
                found.append(Injection(kind=kind, scenario=scenario, seed=seed))
        return found

    def run_all(
        self, injections: Sequence[Injection], threads: int, told: Told = lambda _: None
    ) -> list[Outcome]:
        """Several at once; in their order.

        Args:
            injections: to run.
            threads: at once.
            told: of each, when it has ended.
        """
        for each in injections:
            self.reference(each.scenario, each.kind.engines)

        def run(injection: Injection) -> Outcome:
            outcome = self.run(injection)
            told(outcome)
            return outcome

        with ThreadPoolExecutor(threads) as pool:
            try:
                return list(pool.map(run, injections))
            except BaseException:  # an interrupt, of those that have not begun
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def run(self, injection: Injection) -> Outcome:
        """One injection from beginning to end."""
        began, kind = time.monotonic(), injection.kind
        came, problems = "", list[str]()
        for number in range(_TRIES):
            draw = random.Random(f"{kind.name}/{injection.scenario}/{injection.seed}/{number}")
            world = self._world(injection.scenario, kind.engines)
            with kind.place(world), world.ended():
                try:
                    came, problems = self._disturbed(world, kind, draw)
                except TooLateError:
                    came = ""
                if not (came and problems):
                    world.drop()
            if not (came and problems):  # else it is kept, to be looked at
                world.delete()
            if came:
                break
        if not came:
            came, problems = "too late", ["the fault came too late each time"]
        return Outcome(injection=injection, came=came, problems=tuple(problems),
                       seconds=time.monotonic() - began)  # fmt: skip

    def _disturbed(self, world: World, kind: Kind, draw: random.Random) -> tuple[str, list[str]]:
        reference = self.reference(world.scenario, kind.engines)
        try:
            world.prepare()
            came = kind.disturb(world, reference, draw)
            problems = [] if world.finished else world.half_visible(reference)
            return came, problems + world.finish(reference)
        except (AssertionError, TimeoutError, subprocess.TimeoutExpired, TteError) as error:
            return "failed", [str(error)]

    def _world(self, scenario: str, engines: tuple[str, ...]) -> World:
        with self._lock:
            self._number += 1
            name = f"w{self._number:04d}"
        return World(self.folder / name, scenario, self._milvus, name, more=engines)


def of_kinds(kinds: Sequence[Kind], seed: int) -> list[Injection]:
    """As many of each kind as it asks for, over its scenarios in turn."""
    return [
        Injection(kind=kind, scenario=kind.scenarios[n % len(kind.scenarios)], seed=seed + n)
        for kind in kinds
        for n in range(kind.count)
    ]
