"""How long results took that several runs made, each going on where the one before it ended."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tte2_ray.pipelines.outcome import write_whole


@contextmanager
def seconds_of(file: Path, results: str, began: float) -> Iterator[Callable[[], float]]:
    """Counts what a run takes, beside the runs before it that made parts of the same results.

    A run that is killed tells nothing. Once a run came to its end, later ones add nothing.

    Args:
        file: keeps the seconds; in a folder that is there.
        results: names what is made; the time of others is forgotten.
        began: when this run did, by the monotonic clock.

    Yields:
        The seconds that the results took so far.
    """
    kept = _read(file)
    before, made = (kept["seconds"], kept["made"]) if kept.get("of") == results else (0.0, False)

    def so_far() -> float:
        return before if made else before + time.monotonic() - began

    def keep(*, made: bool) -> None:
        write_whole(file, json.dumps({"of": results, "seconds": so_far(), "made": made}))

    try:
        yield so_far
    except BaseException:
        keep(made=made)
        raise
    keep(made=True)


def _read(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text())) if file.exists() else {}
