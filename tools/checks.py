"""Every check and whether it holds: `make test`.

python -m tools.checks at-length on-milvus lower upper lint types contracts on-ray  # Makefile

All are run, whichever fail. The tests on Ray are seen as they go; they wait for clusters and
engines much of the time, so the other checks run beside them, two at a time in their order, and are
shown behind them. Time is counted from the start of the first: the environment was built before,
and how long that takes is the network's.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from tools.shown import ROOT, Row, begin, conclude

TARGET = "test"
MOST_MINUTES = 20
"""Fifteen are aimed at."""
SEEN = "on-ray"
"""The check that is seen as it goes."""

_BESIDE = 2
"""Other checks that run at once: on two cores, one of them computes while the others wait."""

Run = Callable[[str], tuple[int, str]]
"""Runs a check by its name: its exit status, and what it printed if that was not seen yet."""


def main(names: Sequence[str], run: Run | None = None) -> int:
    """Runs the checks and shows what came of them.

    Args:
        names: of the checks.
        run: `make_target` by default.

    Returns:
        The exit status.
    """
    begin(TARGET)
    began, run = time.monotonic(), run or make_target
    with ThreadPoolExecutor(_BESIDE) as beside:
        others = {name: beside.submit(run, name) for name in names if name != SEEN}
        try:
            statuses = {name: run(name)[0] for name in names if name == SEEN}
        except BaseException:
            beside.shutdown(wait=False, cancel_futures=True)
            raise
        for name, other in others.items():
            statuses[name], said = other.result()
            print(f"== {name}\n{said}", end="", flush=True)
    minutes = (time.monotonic() - began) / 60
    print()
    return conclude(TARGET, rows({name: statuses[name] for name in names}, minutes))


def make_target(name: str) -> tuple[int, str]:
    """A target of the Makefile; that of `SEEN` prints as it goes."""
    command = ["make", "--no-print-directory", name]
    if name == SEEN:
        return subprocess.run(command, cwd=ROOT, check=False).returncode, ""
    done = subprocess.run(command, cwd=ROOT, check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    return done.returncode, done.stdout


def rows(statuses: Mapping[str, int], minutes: float) -> list[Row]:
    """A row for each check, and one for the time of all.

    Args:
        statuses: exit status by check.
        minutes: of all checks together.
    """
    return [
        *(
            Row(name=f"make {name}", value=status, unit="exit status", target="= 0",
                holds=status == 0)
            for name, status in statuses.items()
        ),
        Row(name="all checks, setup not counted", value=round(minutes, 2), unit="minutes",
            target=f"< {MOST_MINUTES}", holds=minutes < MOST_MINUTES, n=len(statuses)),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
