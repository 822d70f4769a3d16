"""How long a target took that goes on where an earlier run of it ended."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "seconds"


@contextmanager
def seconds_so_far(folder: Path) -> Iterator[Callable[[], float]]:
    """Counts from here on, beside what earlier runs in a folder took: what was killed told nothing.

    Args:
        folder: of the target; what it took lies there, so that both are forgotten together.

    Yields:
        The seconds so far, of this run and those before it.
    """
    told, began = folder / NAME, time.monotonic()
    before = float(told.read_text()) if told.exists() else 0.0

    def so_far() -> float:
        return before + time.monotonic() - began

    try:
        yield so_far
    finally:
        folder.mkdir(parents=True, exist_ok=True)
        told.write_text(f"{so_far()}\n")
