"""What an index job is told."""

from dataclasses import dataclass, field
from typing import Literal

from tte2_ray.artifacts.lease import LeaseConfig
from tte2_ray.config import location, require_at_least, speed
from tte2_ray.errors import ConfigError
from tte2_ray.milvus.verify import VerifyConfig
from tte2_ray.pipelines.config import JobConfig
from tte2_ray.pipelines.prices import PriceConfig


@dataclass(frozen=True, kw_only=True)
class CorpusConfig:
    """What is indexed."""

    path: str = location("")
    """A Parquet or JSONL file, a folder of either, a glob, or a folder of media files; local or
    s3://."""
    format: Literal["auto", "parquet", "jsonl", "files"] = "auto"
    name: str = "corpus"
    """Folder of its frozen plan in the store."""
    rows_per_shard: int = speed(128)
    """Rows that are committed together; what a crash may cost. Another value renames the shards:
    it changes no ECR, but all of them are made again."""
    check_files: bool = speed(True)
    """Ask for size and time of each media file while planning, so that a file that changed is
    noticed; off, only the manifest is compared."""

    def __post_init__(self) -> None:
        require_at_least(1, self, ("rows_per_shard",), "corpus.")


@dataclass(frozen=True, kw_only=True)
class EstimateConfig(PriceConfig):
    """How the plan is estimated before it runs."""

    sample_rows: int = speed(32)
    """Rows that are decoded for the plan; --dry-run, and a first run on models whose speed is not
    known, reason about and embed them, too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(1, self, ("sample_rows",), "estimate.")


@dataclass(frozen=True, kw_only=True)
class IndexConfig(JobConfig):
    """One index job: corpus, models, Milvus, and where artifacts go."""

    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    lease: LeaseConfig = field(default_factory=LeaseConfig)
    verify: VerifyConfig = field(default_factory=VerifyConfig)
    estimate: EstimateConfig = field(default_factory=EstimateConfig)
    load_writers: int = speed(1)
    """Processes that write to Milvus; an embedded server takes one."""
    report_samples: int = speed(24)
    """Items shown in report.html."""
    report_note: str = speed("")
    """What a reader of report.html should know about this corpus; shown at its top."""
    report_dir: str = location("build/index")
    """Folder on the driver for results.json and report.html; both go to the store as well."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(1, self, ("load_writers",), "")
        require_at_least(0, self, ("report_samples",), "")

    def require_corpus(self) -> None:
        """Raises what a job cannot start without.

        Raises:
            ConfigError: no corpus is named.
        """
        if not self.corpus.path:
            raise ConfigError("corpus.path is empty: name a manifest or a folder to index")
