"""Every check, one after the other, and whether each holds: `make test`.

python -m tools.checks lint types contracts unit         # targets of the Makefile

All are run, whichever fail. Their time is counted from the first one on: the environment was built
before, and how long that takes is the network's.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from tools.shown import ROOT, Row, begin, conclude

TARGET = "test"
MOST_MINUTES = 15


def main(names: Sequence[str], run: Callable[[str], int] | None = None) -> int:
    """Runs the checks and shows what came of them.

    Args:
        names: of the checks.
        run: a check by its name, to its exit status; `make_target` by default.

    Returns:
        The exit status.
    """
    begin(TARGET)
    began = time.monotonic()
    statuses = {name: (run or make_target)(name) for name in names}
    minutes = (time.monotonic() - began) / 60
    print()
    return conclude(TARGET, rows(statuses, minutes))


def make_target(name: str) -> int:
    """A target of the Makefile, its output as it comes; the exit status."""
    print(f"== {name}", flush=True)
    # ARGS of the command line would make the tests those that it picks.
    command = ["make", "--no-print-directory", name, "ARGS="]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


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
