"""Disturb the index job in every way that we know, hundreds of times: `make chaos`.

    python -m benchmarks.chaos                          all kinds
    python -m benchmarks.chaos --kind "disk full"       one kind; may be given again
    python -m benchmarks.chaos --injection "killed at alias, before" embedder 7

An injection is named by kind, scenario and seed: what failed is printed as the command that runs it
again alone. Fake engines: nothing here is about quality.
"""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock

from tests.chaos import faults, on_milvus, on_ray, on_s3, on_vllm, points
from tests.chaos.disk_full import can_mount
from tests.chaos.harness import AT_POINTS, Harness, Injection, Outcome, of_kinds
from tests.chaos.world import SCENARIOS
from tests.nodes import several_nodes
from tools.shown import Row, begin, conclude
from tools.signals import termination_is_interruption
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.server import resolve, stop_server

TARGET = "chaos"
LEAST = 300
MOST_MINUTES = 30
_THREADS = 2
_WAITING_THREADS = 4
"""Of faults of which a job waits most of its time."""
_SAY_EVERY_S = 30.0
EXPECTED = (
    *(f"{AT_POINTS} {name}" for name in points.NAMES),
    *(kind.name for kind in (*faults.KINDS, *on_vllm.KINDS)),
    *on_s3.NAMES,
    *on_milvus.NAMES,
    *on_ray.NAMES,
)
"""Each has a row, also where this machine could not try it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what is named, or everything. Returns the exit status."""
    given = arguments(argv)
    whole = not (given.kind or given.scenario or given.count or given.injection)
    target = TARGET if whole else f"{TARGET}-part"
    begin(target)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="tte2-chaos-"))
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")  # rates that jobs remember stay here
    milvus = resolve(MilvusConfig(data_dir=str(folder / "milvus")))
    try:
        with termination_is_interruption():
            outcomes = _run(Harness(folder, milvus), given)
    finally:
        stop_server(folder / "milvus")
    failed = [each for each in outcomes if each.problems]
    _tell(outcomes, failed, folder)
    if not failed:
        shutil.rmtree(folder)
    return conclude(target, rows(outcomes, (time.monotonic() - began) / 60, whole=whole))


def _run(harness: Harness, given: argparse.Namespace) -> list[Outcome]:
    """Without Ray two at once; on Ray and with real engines one after another."""
    outcomes = []
    scenarios = given.injection[1:2] if given.injection else given.scenario or SCENARIOS

    def run(name: str, injections: Sequence[Injection], threads: int) -> None:
        chosen = chosen_of(injections, given)
        if chosen:
            print(f"{name}: {len(chosen)} injections …", flush=True)
            outcomes.extend(harness.run_all(chosen, threads, _Progress(len(chosen))))

    with on_s3.moto() as moto:
        at_points = harness.at_points(given.seed, scenarios) if _wants_points(given) else []
        run("commit points", at_points, _THREADS)
        run("other faults", of_kinds(_possible(harness), given.seed), _THREADS)
        waiting = (*on_s3.kinds_on(moto), *on_milvus.KINDS)
        run("S3 and Milvus", of_kinds(waiting, given.seed), _WAITING_THREADS)
    if _wants(on_ray.NAMES, given):
        with several_nodes(on_ray.NODES, num_cpus=on_ray.CPUS) as nodes:
            run("on Ray", of_kinds(on_ray.kinds_on(nodes), given.seed), 1)
    run("on vLLM", of_kinds(on_vllm.KINDS, given.seed), 1)
    return outcomes


class _Progress:
    """Says every half minute how far it is, and at once what went wrong."""

    def __init__(self, all_of_them: int) -> None:
        self._all, self._done, self._lock = all_of_them, 0, Lock()
        self._began = self._said = time.monotonic()

    def __call__(self, outcome: Outcome) -> None:
        with self._lock:
            self._done, now = self._done + 1, time.monotonic()
            if now - self._said > _SAY_EVERY_S:
                self._said = now
                print(
                    f"  {self._done} of {self._all} · {(now - self._began) / 60:.1f} min",
                    flush=True,
                )
            if outcome.problems:
                print(f"  FAILED: {outcome.injection.kind.name}: {outcome.problems[0]}", flush=True)


def rows(outcomes: Sequence[Outcome], minutes: float, *, whole: bool) -> list[Row]:
    """A row for each kind, tried or not, and the three that are asked for.

    Args:
        outcomes: of all injections.
        minutes: that they took together.
        whole: whether every kind was run.
    """
    expected = EXPECTED if whole else ()
    kinds = dict.fromkeys([*(_kind(each.injection) for each in outcomes), *expected])
    found = [_of_kind(kind, [o for o in outcomes if _kind(o.injection) == kind]) for kind in kinds]
    wrong = sum(bool(each.problems) for each in outcomes)
    total = len(outcomes)
    return [
        *found,
        Row(name="injections", value=total, unit="injections",
            target=f">= {LEAST}" if whole else "", holds=total >= LEAST or not whole, n=total),
        Row(name="lost, doubled, half visible or left behind", value=wrong, unit="injections",
            target="= 0", holds=wrong == 0, n=total),
        Row(name="all", value=round(minutes, 2), unit="minutes",
            target=f"< {MOST_MINUTES}" if whole else "", holds=minutes < MOST_MINUTES, n=1),
    ]  # fmt: skip


def _of_kind(kind: str, outcomes: Sequence[Outcome]) -> Row:
    good, tried = sum(not each.problems for each in outcomes), len(outcomes)
    return Row(name=kind, value=good, unit="the same index after", target=f"= {tried or 'some'}",
               holds=0 < good == tried, n=tried)  # fmt: skip


def _kind(injection: Injection) -> str:
    """Kills at points are one kind for each point, whatever the moment."""
    return injection.kind.name.partition(",")[0]


def _tell(outcomes: Sequence[Outcome], failed: Iterable[Outcome], folder: Path) -> None:
    came = Counter((_kind(each.injection), each.came) for each in outcomes)
    for (kind, what), count in came.items():
        if not kind.startswith(AT_POINTS):
            print(f"{kind}: {count} × {what}")
    for each in failed:
        print(f"FAILED: python -m benchmarks.chaos {shlex.join(again(each.injection))}")
        for problem in each.problems:
            print(f"        {problem}")
        print(f"        what is left of it lies in {folder}")
    print()


def _possible(harness: Harness) -> list[faults.Kind]:
    """The kinds that this user may try: a disk that is full must be mounted."""
    if can_mount(harness.folder / "disk"):
        return list(faults.KINDS)
    print("disk full: not tried, for this user may not mount a file system")
    return [kind for kind in faults.KINDS if kind.disturb is not faults.disk_full]


def chosen_of(injections: Sequence[Injection], given: argparse.Namespace) -> list[Injection]:
    """Those that the command line asks for.

    Args:
        injections: of a group.
        given: from `arguments`.
    """
    if given.injection:
        name, scenario, seed = given.injection
        kinds = [each.kind for each in injections if each.kind.name == name]
        return [Injection(kind=each, scenario=scenario, seed=int(seed)) for each in kinds[:1]]
    return [
        each
        for each in injections
        if (not given.scenario or each.scenario in given.scenario)
        and (not given.kind or {each.kind.name, _kind(each)} & set(given.kind))
    ][: given.count]


def again(one: Injection) -> list[str]:
    """The command line that runs an injection alone."""
    return ["--injection", one.kind.name, one.scenario, str(one.seed)]


def _wants(names: Sequence[str], given: argparse.Namespace) -> bool:
    kinds = _kinds_asked(given)
    return not kinds or bool(set(names) & set(kinds))


def _wants_points(given: argparse.Namespace) -> bool:
    kinds = _kinds_asked(given)
    return not kinds or any(kind.startswith(AT_POINTS) for kind in kinds)


def _kinds_asked(given: argparse.Namespace) -> Sequence[str]:
    return given.injection[:1] if given.injection else given.kind or ()


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kind", action="append", help="of fault, as the table names it")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="state of the index")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    parser.add_argument("--injection", nargs=3, metavar=("KIND", "SCENARIO", "SEED"),
                        help="one alone, as it is printed where it failed")  # fmt: skip
    parser.add_argument("--count", type=int, help="the first so many of each group that is chosen")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
