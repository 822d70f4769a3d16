"""Whether the demo has run to its end before, with the same world, the same models and settings,
and how long it took when it did so first."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tte2_ray.pipelines.index.config import IndexConfig

_MARKER = "finished.json"


@dataclass(frozen=True, kw_only=True)
class FirstRun:
    """The run that found nothing made yet."""

    seconds: float
    """From `make demo` to its last line."""
    with_setup: bool
    """Whether it built the environment, too."""


def has_run_before(folder: Path, config: IndexConfig, world: Path, started: float) -> bool:
    """Whether everything that this run needs was made by an earlier one.

    Args:
        folder: of the demo.
        config: of the job.
        world: that is indexed.
        started: when this run began, in seconds since the epoch; an environment that was built
            since then counts as a first time.
    """
    key, kept = _key(config, world), _kept(folder)
    return not _was_set_up_since(started) and {name: kept.get(name) for name in key} == key


def first_run(folder: Path) -> FirstRun | None:
    """The first of the runs that are remembered; None where its time was not kept."""
    kept = _kept(folder).get("first")
    return FirstRun(**kept) if kept else None


def remember_run(
    folder: Path, config: IndexConfig, world: Path, started: float, seconds: float
) -> None:
    """Marks that a first run came to its end; those after it change nothing.

    Args:
        folder: of the demo.
        config: of the job.
        world: that was indexed.
        started: as `has_run_before` was told.
        seconds: that the run took.
    """
    first = FirstRun(seconds=seconds, with_setup=_was_set_up_since(started))
    (folder / _MARKER).write_text(json.dumps(_key(config, world) | {"first": asdict(first)}))


def _was_set_up_since(started: float) -> bool:
    setup = Path(sys.prefix) / "setup.stamp"
    return setup.exists() and setup.stat().st_mtime >= started


def _kept(folder: Path) -> dict[str, Any]:
    marker = folder / _MARKER
    return dict(json.loads(marker.read_text())) if marker.exists() else {}


def _key(config: IndexConfig, world: Path) -> dict[str, str]:
    return {"world": world.name, "models": config.embedding_recipe().fingerprint}
