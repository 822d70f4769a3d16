"""What a rerank job is told."""

from dataclasses import dataclass, field, replace

from tte2_ray.artifacts.query_log import LogFormat
from tte2_ray.cascade import BudgetConfig, CascadeConfig
from tte2_ray.config import location, require_at_least, speed
from tte2_ray.engines import EngineConfig, JudgeConfig, ReasonerConfig, SamplingConfig
from tte2_ray.errors import ConfigError
from tte2_ray.pipelines.config import JobConfig
from tte2_ray.pipelines.prices import PriceConfig


@dataclass(frozen=True, kw_only=True)
class LogConfig:
    """What is asked."""

    path: str = location("")
    """A Parquet or JSONL file, a folder or a glob of either, or a file of TREC topics; local or
    s3://."""
    format: LogFormat = "auto"
    name: str = "log"
    """Folder of its frozen plan in the store."""
    instruction: str = ""
    """The task of queries that name none."""
    run: str = location("")
    """A first-stage run in TREC format, whose candidates and scores take the place of retrieval;
    "" retrieves."""
    queries_per_shard: int = speed(64)
    """Distinct queries that are committed together, in the mean, at most twice as many; what a
    crash may cost. Another value cuts other shards: their ECRs and answers are made again."""
    check_files: bool = speed(True)
    """Ask for size and time of the media of queries while planning, so that a file that changed is
    noticed."""

    def __post_init__(self) -> None:
        require_at_least(1, self, ("queries_per_shard",), "log.")


@dataclass(frozen=True, kw_only=True)
class RerankConfig(JobConfig):
    """One rerank job: a log of queries, an index, the cascade, its budget."""

    log: LogConfig = field(default_factory=LogConfig)
    version: str = ""
    """Of the index; "" for the live one, which the job stays on though the alias may move."""
    judge: JudgeConfig = field(default_factory=JudgeConfig)
    """Its engine says how the phase is spread: judge and rewriter work in one replica."""
    rewriter: ReasonerConfig = field(
        default_factory=lambda: ReasonerConfig(
            engine=EngineConfig(model="mini:rewriter"), sampling=SamplingConfig(max_tokens=32)
        )
    )
    """Writes ECRs anew for a query; its `instruction` is not read, for those words are fixed. It
    shares the GPU of the judge: `gpu_memory_utilization` of both together is below 1."""
    cascade: CascadeConfig = field(default_factory=CascadeConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    estimate: PriceConfig = field(default_factory=PriceConfig)
    run: str = ""
    """Folder of the results in the store, under `runs/`; "" names it by what decides them."""
    report_samples: int = speed(12)
    """Queries shown in report.html."""
    report_note: str = speed("")
    """What a reader of report.html should know about this log; shown at its top."""
    report_dir: str = location("build/rerank")
    """Folder on the driver for run, tables, results.json and report.html; all go to the store as
    well."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(0, self, ("report_samples",), "")

    def require_log(self) -> None:
        """Raises what a job cannot start without.

        Raises:
            ConfigError: no log is named.
        """
        if not self.log.path:
            raise ConfigError("log.path is empty: name a query log (Parquet, JSONL, TREC topics)")

    @property
    def replica(self) -> EngineConfig:
        """What a replica of the rerank phase holds: the larger of both engines, which share it."""
        judge, rewriter = self.judge.engine, self.rewriter.engine
        return replace(
            judge,
            num_gpus=max(judge.num_gpus, rewriter.num_gpus),
            num_cpus=max(judge.num_cpus, rewriter.num_cpus),
        )
