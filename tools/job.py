"""The index job's own configuration, as an operator starts it."""

from collections.abc import Sequence
from pathlib import Path

from tools.shown import ROOT
from tte2_ray.config import Loaded, load_config
from tte2_ray.pipelines.index.config import IndexConfig

CONFIG = ROOT / "conf" / "index_corpus.yaml"


def index_job(overrides: Sequence[str] = (), more: Sequence[Path] = ()) -> Loaded[IndexConfig]:
    """What `jobs/index_corpus.py` is given.

    Args:
        overrides: `key=value`, over the files.
        more: files over its own.

    Raises:
        ConfigError: a file or an override says what no job knows.
    """
    return load_config(IndexConfig, [CONFIG, *more], overrides)
