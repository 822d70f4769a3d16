"""Every check and whether it holds: `make test`.

python -m tools.checks at-length on-milvus lower upper lint types contracts on-ray  # Makefile

All are run, whichever fail. The tests on Ray are seen as they go; they wait for clusters and
engines much of the time, so the other checks run beside them, two at a time in their order, and are
shown behind them. Time is counted from the start of the first: the environment was built before,
and how long that takes is the network's.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tools.shown import BUILD, ROOT, Row, begin, conclude

TARGET = "test"
MOST_MINUTES = 20
"""Fifteen are aimed at."""
SEEN = "on-ray"
"""The check that is seen as it goes."""

_BESIDE = 2
"""Other checks that run at once: on two cores, one of them computes while the others wait."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What came of a check."""

    status: int
    """Its exit status."""
    said: str = ""
    """What it printed, if that was not seen yet."""
    tests: Mapping[str, int] = field(default_factory=dict)
    """How many passed, failed and were skipped, where it runs tests."""


Run = Callable[[str], Ran]
"""Runs a check by its name."""


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
            ran = {name: run(name) for name in names if name == SEEN}
        except BaseException:
            beside.shutdown(wait=False, cancel_futures=True)
            raise
        for name, other in others.items():
            ran[name] = other.result()
            print(f"== {name}\n{ran[name].said}", end="", flush=True)
    minutes = (time.monotonic() - began) / 60
    print()
    return conclude(TARGET, rows({name: ran[name] for name in names}, minutes))


def make_target(name: str) -> Ran:
    """A target of the Makefile; that of `SEEN` prints as it goes."""
    report = BUILD / "tests" / f"{name}.xml"
    report.unlink(missing_ok=True)
    given = f"{os.environ.get('PYTEST_ADDOPTS', '')} --junit-xml={report.relative_to(ROOT)}"
    seen = name == SEEN
    done = subprocess.run(["make", "--no-print-directory", name], cwd=ROOT, check=False, text=True,
                          env=os.environ | {"PYTEST_ADDOPTS": given},
                          stdout=None if seen else subprocess.PIPE,
                          stderr=None if seen else subprocess.STDOUT)  # fmt: skip
    return Ran(status=done.returncode, said=done.stdout or "", tests=counted(report))


def counted(report: Path) -> dict[str, int]:
    """Tests by what came of them.

    Args:
        report: of pytest, as XML; nothing is counted where it was cut off, which its status tells.
    """
    try:
        suites = list(ElementTree.parse(report).iter("testsuite"))
    except (FileNotFoundError, ElementTree.ParseError):
        return {}
    found = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite in suites:
        for each in found:
            found[each] += int(suite.attrib[each])
    failed = found["failures"] + found["errors"]
    passed = found["tests"] - failed - found["skipped"]
    return {"passed": passed, "failed": failed, "skipped": found["skipped"]}


def rows(ran: Mapping[str, Ran], minutes: float) -> list[Row]:
    """A row for each check, rows for its tests, and one for the time of all.

    Args:
        ran: what came of each check.
        minutes: of all checks together.
    """
    return [
        *(
            Row(name=f"make {name}", value=each.status, unit="exit status", target="= 0",
                holds=each.status == 0)
            for name, each in ran.items()
        ),
        *(
            Row.stated(f"make {name}, {came}", count, "tests")
            for name, each in ran.items() for came, count in each.tests.items()
        ),
        Row(name="all checks, setup not counted", value=round(minutes, 2), unit="minutes",
            target=f"< {MOST_MINUTES}", holds=minutes < MOST_MINUTES, n=len(ran)),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
