"""What an index job is told."""

from dataclasses import dataclass, field
from typing import Literal

from tte2_ray.artifacts.changes import Listing
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
    listing: Listing = "full"
    """Of `mode=incremental`: whether `path` lists every item, so that what is not there is deleted,
    or changes alone, in which a row with `deleted: true` deletes."""
    base: str = ""
    """Version that incremental changes are made to; "" is the one that a job finished last."""
    check_files: bool = speed(True)
    """Ask for size and time of each media file while planning (S3 and http: one HEAD a file), so
    that a file that changed is noticed; off, only the manifest is compared."""

    def __post_init__(self) -> None:
        require_at_least(1, self, ("rows_per_shard",), "corpus.")


@dataclass(frozen=True, kw_only=True)
class EstimateConfig(PriceConfig):
    """How the plan is estimated before it runs."""

    sample_rows: int = speed(32)
    """Rows that are decoded for the plan; --dry-run, and a first run on models whose speed is not
    known, reason about and embed them, too."""
    rows: int = speed(0)
    """Of a corpus like this one: --dry-run prints a page of what so many would take, by formula; 0
    for none."""
    usd_per_1000_puts: float = speed(0.005)
    """Price of 1,000 PUT or LIST requests of S3, US dollars; list prices of AWS in 2025, as the
    next two: write what yours cost."""
    usd_per_1000_gets: float = speed(0.0004)
    """Price of 1,000 GET or HEAD requests of S3, US dollars."""
    usd_per_gb_month: float = speed(0.023)
    """Price of 10**9 bytes in S3 for a month, US dollars."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(1, self, ("sample_rows",), "estimate.")
        prices = ("usd_per_1000_puts", "usd_per_1000_gets", "usd_per_gb_month")
        require_at_least(0, self, ("rows", *prices), "estimate.")


@dataclass(frozen=True, kw_only=True)
class IndexConfig(JobConfig):
    """One index job: corpus, models, Milvus, and where artifacts go."""

    mode: Literal["full", "incremental"] = "full"
    """Whether the corpus is cut anew, or compared with what was indexed last, item by item: then
    models work on new and changed items alone."""
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
        if self.corpus.listing == "changes" and self.mode == "full":
            raise ConfigError("corpus.listing=changes lists no corpus: say mode=incremental, too")
        require_at_least(0, self, ("report_samples",), "")

    def require_corpus(self) -> None:
        """Raises what a job cannot start without.

        Raises:
            ConfigError: no corpus is named.
        """
        if not self.corpus.path:
            raise ConfigError("corpus.path is empty: name a manifest or a folder to index")
