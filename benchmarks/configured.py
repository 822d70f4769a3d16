"""The job's own configuration, as an operator starts it, in a folder of the benchmark's."""

from pathlib import Path

from tools.job import index_job
from tte2_ray.config import Loaded
from tte2_ray.pipelines.index.config import IndexConfig


def loaded(folder: Path, *overrides: str) -> Loaded[IndexConfig]:
    """What the job is given.

    Args:
        folder: everything that it writes goes below.
        overrides: `key=value`, over the file.
    """
    places = [
        f"store={folder / 'store'}",
        f"milvus.data_dir={folder / 'milvus'}",
        f"report_dir={folder / 'report'}",
    ]
    return index_job([*places, *overrides])


def configured(folder: Path, *overrides: str) -> IndexConfig:
    """The configuration itself."""
    return loaded(folder, *overrides).config
