"""The jobs' own configurations, as an operator starts them, in a folder of the benchmark's."""

from pathlib import Path

from tools.job import index_job
from tools.shown import ROOT
from tte2_ray.config import Loaded, load_config
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.rerank.config import RerankConfig

RERANK = ROOT / "conf" / "rerank_logs.yaml"


def loaded(folder: Path, *overrides: str) -> Loaded[IndexConfig]:
    """What the job is given.

    Args:
        folder: everything that it writes goes below.
        overrides: `key=value`, over the file.
    """
    return index_job([*_places(folder), *overrides])


def configured(folder: Path, *overrides: str) -> IndexConfig:
    """The configuration itself."""
    return loaded(folder, *overrides).config


def reranking_configured(folder: Path, *overrides: str) -> RerankConfig:
    """The configuration of `jobs/rerank_logs.py`, over the same store and the same Milvus.

    Args:
        folder: everything that it writes goes below.
        overrides: `key=value`, over the file.
    """
    return load_config(RerankConfig, [RERANK], [*_places(folder), *overrides]).config


def _places(folder: Path) -> list[str]:
    return [
        f"store={folder / 'store'}",
        f"milvus.data_dir={folder / 'milvus'}",
        f"report_dir={folder / 'report'}",
    ]
