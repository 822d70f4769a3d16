"""What a `make` target shows: one row for each number asked of it, as a table and as JSON.

A target that ends early shows one line on stderr instead.
"""

import json
import os
import sys
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tte2_ray.errors import TteError

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One number, what is asked of it, and whether that holds.

    `n` counts what was measured; `low` and `high` bound the 95 % interval, if any.
    """

    name: str
    value: float
    unit: str
    target: str
    """In words, such as ">= 0.95"; "" where a number is only stated."""
    holds: bool
    n: int = 1
    low: float | None = None
    high: float | None = None

    @classmethod
    def stated(
        cls,
        name: str,
        value: float,
        unit: str,
        n: int = 1,
        low: float | None = None,
        high: float | None = None,
    ) -> "Row":
        """A number without a target.

        >>> Row.stated("rows", 3.0, "rows").holds
        True
        """
        return cls(name=name, value=value, unit=unit, target="", holds=True, n=n, low=low,
                   high=high)  # fmt: skip


def begin(target: str, folder: Path = BUILD) -> None:
    """Forgets what an earlier run of a target wrote: one that ends early says nothing at all."""
    (folder / f"{target}.json").unlink(missing_ok=True)


def opened(page: Path) -> str:
    """Opens a page if somebody can see it; the words about it."""
    seen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    done = seen and webbrowser.open(page.as_uri())
    return f"{page} {'(opened)' if done else '(no display: open it in a browser)'}"


def conclude(target: str, rows: Sequence[Row], folder: Path = BUILD) -> int:
    """Writes `<folder>/<target>.json`, prints the rows as a table, returns the exit status.

    Returns:
        0 if every row holds, 5 (validation) otherwise, or where there is no row.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{target}.json"
    path.write_text(json.dumps({"rows": [asdict(row) for row in rows]}, indent=2) + "\n")
    print(table(rows))
    print(f"written: {path}")
    return 0 if rows and all(row.holds for row in rows) else 5


def or_one_line(target: Callable[[], int]) -> int:
    """Runs a target; where it ends with a `TteError`, that is one line on stderr.

    Returns:
        The exit status: the target's, or the error's.
    """
    try:
        return target()
    except TteError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code


def table(rows: Sequence[Row]) -> str:
    """The rows as a terminal shows them.

    >>> print(table([Row(name="rows", value=3.0, unit="rows", target=">= 2", holds=True, n=3)]))
    name  value  unit  target  holds  n  95 % interval
    rows  3      rows  >= 2    yes    3
    """
    heads = ("name", "value", "unit", "target", "holds", "n", "95 % interval")
    cells = [heads, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(heads))]
    lines = ("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in cells)
    return "\n".join(line.rstrip() for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    bounds = "" if row.low is None or row.high is None else f"{row.low:.4g} to {row.high:.4g}"
    holds = "yes" if row.holds else "NO"
    return (row.name, f"{row.value:.4g}", row.unit, row.target, holds, str(row.n), bounds)
