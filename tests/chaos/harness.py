"""Disturb a job, run the same command again, and compare with a run that nobody disturbed.

    prepare ─▶ disturb ─▶ what do readers see? ─▶ the same command ─▶ the same index? ─▶ remove

An injection is named by its kind and its seed, and can be run again alone.
"""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from tests.chaos.faults import KINDS, Disturb, Kind, TooLateError, killed_at
from tests.chaos.points import Moment
from tests.chaos.world import SCENARIOS, Reference, World
from tte2_ray.milvus.config import MilvusConfig

_TRIES = 5
"""Draws of a fault that comes too late."""
AT_POINTS = "killed at"


@dataclass(frozen=True, kw_only=True)
class Injection:
    """One disturbance."""

    kind: str
    scenario: str
    seed: int
    disturb: Disturb


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it."""

    injection: Injection
    came: str
    """What the fault did, in a word or two."""
    problems: tuple[str, ...]
    """Empty where nothing was lost, doubled or half visible."""
    seconds: float


class Harness:
    """Runs injections on one Milvus.

    Args:
        folder: for worlds.
        milvus: that all of them share.
    """

    def __init__(self, folder: Path, milvus: MilvusConfig) -> None:
        self._folder, self._milvus = folder, milvus
        self._references: dict[str, Reference] = {}
        self._number, self._lock = 0, Lock()

    def reference(self, scenario: str) -> Reference:
        """What an undisturbed run of a scenario leaves."""
        if scenario not in self._references:
            world = self._world(scenario)
            self._references[scenario] = world.refer()
            world.remove()
        return self._references[scenario]

    def at_points(self, seed: int, scenarios: Sequence[str] = SCENARIOS) -> list[Injection]:
        """A kill at each moment of each commit point that a scenario comes by."""
        found = []
        for scenario in scenarios:
            for each in dict.fromkeys(self.reference(scenario).points):
                point, moment = each.split()
                found.append(_at(point, moment, scenario, seed))  # type: ignore[arg-type]
        return found

    def of_kinds(self, seed: int, kinds: Sequence[Kind] = KINDS) -> list[Injection]:
        """As many of each kind as it asks for, over the scenarios in turn."""
        return [
            Injection(kind=kind.name, scenario=SCENARIOS[n % len(SCENARIOS)], seed=seed + n,
                      disturb=kind.disturb)
            for kind in kinds for n in range(kind.count)
        ]  # fmt: skip

    def run(self, injection: Injection) -> Outcome:
        """One injection from beginning to end."""
        began = time.monotonic()
        reference = self.reference(injection.scenario)
        for number in range(_TRIES):
            draw = random.Random(f"{injection.kind}/{injection.scenario}/{injection.seed}/{number}")
            world = self._world(injection.scenario)
            world.prepare()
            try:
                came, problems = self._disturbed(world, reference, injection.disturb, draw)
            except TooLateError:
                world.remove()
                continue
            if not problems:
                world.remove()
            return Outcome(injection=injection, came=came, problems=tuple(problems),
                           seconds=time.monotonic() - began)  # fmt: skip
        return Outcome(injection=injection, came="too late", seconds=time.monotonic() - began,
                       problems=("the fault came too late each time",))  # fmt: skip

    def run_all(self, injections: Sequence[Injection], threads: int) -> list[Outcome]:
        """Several at once; in their order."""
        for scenario in dict.fromkeys(each.scenario for each in injections):
            self.reference(scenario)
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(self.run, injections))

    def _disturbed(
        self, world: World, reference: Reference, disturb: Disturb, draw: random.Random
    ) -> tuple[str, list[str]]:
        try:
            came = disturb(world, reference, draw)
            problems = [] if world.finished else world.half_visible(reference)
            return came, problems + world.finish(reference)
        except (AssertionError, TimeoutError) as error:
            return "failed", [str(error)]

    def _world(self, scenario: str) -> World:
        with self._lock:
            self._number += 1
            name = f"w{self._number:04d}"
        return World(self._folder / name, scenario, self._milvus, name)


def _at(point: str, moment: Moment, scenario: str, seed: int) -> Injection:
    return Injection(kind=f"{AT_POINTS} {point}, {moment}", scenario=scenario, seed=seed,
                     disturb=killed_at(point, moment))  # fmt: skip
