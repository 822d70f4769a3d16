"""Whether the demo has run to its end before, with the same world, the same models and settings."""

import json
import sys
from pathlib import Path

from tte2_ray.pipelines.index.config import IndexConfig

_MARKER = "finished.json"


def has_run_before(folder: Path, config: IndexConfig, world: Path, started: float) -> bool:
    """Whether everything that this run needs was made by an earlier one.

    Args:
        folder: of the demo.
        config: of the job.
        world: that is indexed.
        started: when this run began, in seconds since the epoch; an environment that was built
            since then counts as a first time.
    """
    marker, setup = folder / _MARKER, Path(sys.prefix) / "setup.stamp"
    if setup.exists() and setup.stat().st_mtime >= started:
        return False
    return marker.exists() and json.loads(marker.read_text()) == _key(config, world)


def remember_run(folder: Path, config: IndexConfig, world: Path) -> None:
    """Marks that a run came to its end."""
    (folder / _MARKER).write_text(json.dumps(_key(config, world)))


def _key(config: IndexConfig, world: Path) -> dict[str, str]:
    return {"world": world.name, "models": config.embedding_recipe().fingerprint}
