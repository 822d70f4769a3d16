"""What an evaluation is told: all of a rerank job, and what is measured on it."""

from dataclasses import dataclass, field, replace
from typing import Literal

from tte2_ray.cascade import BudgetConfig
from tte2_ray.config import location, require_at_least, speed
from tte2_ray.engines import EmbedderConfig, EngineConfig
from tte2_ray.errors import ConfigError
from tte2_ray.milvus.collection import require_index_name
from tte2_ray.milvus.verify import VerifyConfig
from tte2_ray.pipelines.evaluate.calibrate import Grid
from tte2_ray.pipelines.evaluate.systems import SYSTEMS, Role, System, named
from tte2_ray.pipelines.rerank.config import RerankConfig

AUTO, MINI_EMBEDDER, MINI_DIRECT = "auto", "mini:embedder", "mini:direct"


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig:
    """What is measured on."""

    kind: Literal["miniature", "mmeb-v2"] = "miniature"
    path: str = location("")
    """A world folder of the miniature, or the root of MMEB-V2."""
    split: str = "test"
    """Of the miniature's seeds, as the report is to name it; told apart nowhere else."""
    tasks: tuple[str, ...] = ()
    """Names of tasks; all where none is named."""


@dataclass(frozen=True, kw_only=True)
class DirectConfig:
    """The embedder of the first system, which reads no ECR."""

    model: str = AUTO
    """`auto` takes the miniature that was trained without ECRs for the miniature that was trained
    with them, and for any other embedder that one itself."""
    revision: str = ""
    lora: str = ""


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """The whole cascade under rising budgets."""

    kind: Literal["tokens_per_query", "mean_tokens_per_query"] = "tokens_per_query"
    budgets: tuple[int, ...] = (0, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
    """Tokens; none where it is empty."""

    def __post_init__(self) -> None:
        if any(budget < 0 for budget in self.budgets):
            raise ConfigError(f"sweep.budgets holds {min(self.budgets)}; 0 tokens are the least")

    def budget(self, tokens: int) -> BudgetConfig:
        """The budget of a rerank job."""
        if self.kind == "tokens_per_query":
            return BudgetConfig(tokens_per_query=tokens)
        return BudgetConfig(mean_tokens_per_query=tokens)


@dataclass(frozen=True, kw_only=True)
class PoliciesConfig:
    """Fixed numbers that a calibrated policy (cascade.policy) is held against."""

    fixed: tuple[str, ...] = ()
    """`<judge>x<rewrite>`, e.g. 10x3; where none is named, those that the policy itself was held
    against when it was calibrated. Nothing is compared without a policy."""

    def __post_init__(self) -> None:
        self.numbers()

    def numbers(self) -> list[tuple[int, int]]:
        """(judge, rewrite) of each."""
        found = []
        for text in self.fixed:
            judge, by, rewrite = text.partition("x")
            if not (by and judge.isdigit() and rewrite.isdigit() and int(rewrite) <= int(judge)):
                raise ConfigError(
                    f"policies.fixed holds {text!r}; write <judge>x<rewrite>, e.g. 10x3, with no "
                    "more rewritten than judged"
                )
            found.append((int(judge), int(rewrite)))
        return found


@dataclass(frozen=True, kw_only=True)
class CalibrateConfig(Grid):
    """A policy from this benchmark's queries, which must then be dev queries."""

    out: str = location("")
    """File of the policy. Where it is named, the job calibrates and measures no systems."""
    name: str = "calibrated"
    """Of the policy."""


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(RerankConfig):
    """One evaluation; log, index name and run are its own affair, job by job."""

    index: str = "evaluate"
    """Indexes are named `<this>_<corpus>` and `<this>_<corpus>_direct`."""
    benchmark: BenchmarkConfig = field(default_factory=BenchmarkConfig)
    systems: tuple[str, ...] = tuple(SYSTEMS)
    """What is compared: direct, tte, tte_ecrr, tte_qar_ecrr, mm_ranker, or some of them."""
    direct: DirectConfig = field(default_factory=DirectConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    policies: PoliciesConfig = field(default_factory=PoliciesConfig)
    calibrate: CalibrateConfig = field(default_factory=CalibrateConfig)
    verify: VerifyConfig = field(default_factory=VerifyConfig)
    """Of indexes; a corpus with many equal items needs a higher `max_tied_share`."""
    rows_per_shard: int = speed(128)
    """Of a corpus; see corpus.rows_per_shard of the index job."""
    load_writers: int = speed(1)
    """Processes that write to Milvus; an embedded server takes one."""
    examples: int = speed(6)
    """Wins that the report shows, and as many losses."""
    work_dir: str = location("build/evaluate/work")
    """Manifests of MMEB-V2's corpora, logs, and the reports of the jobs that are run."""
    report_dir: str = location("build/evaluate")
    """Folder on the driver for results.json, report.html, table.csv, figure.csv and
    per-query.parquet."""

    def __post_init__(self) -> None:
        super().__post_init__()
        named(self.systems)
        require_at_least(0, self, ("examples",), "")
        require_at_least(1, self, ("rows_per_shard", "load_writers"), "")

    def require_benchmark(self) -> None:
        """Raises what an evaluation cannot start without.

        Raises:
            ConfigError: no benchmark is named.
        """
        if not self.benchmark.path:
            raise ConfigError(
                "benchmark.path is empty: name a world folder of the miniature, or the root of "
                "MMEB-V2 (benchmark.kind=mmeb-v2)"
            )

    def chosen(self) -> list[System]:
        """The systems that are compared."""
        return named(self.systems)

    def embedder_of(self, *, direct: bool) -> EmbedderConfig:
        """The embedder of an index.

        Args:
            direct: the one that reads no ECR.
        """
        if not direct:
            return self.embedder
        own = self.embedder.engine
        if self.direct.model == AUTO:
            model = MINI_DIRECT if own.model == MINI_EMBEDDER else own.model
            return replace(self.embedder, engine=replace(own, model=model), reads_ecr=False)
        engine = replace(own, model=self.direct.model, revision=self.direct.revision,
                         lora=self.direct.lora)  # fmt: skip
        return replace(self.embedder, engine=engine, reads_ecr=False)

    def engine_of(self, role: Role) -> EngineConfig:
        """The engine of a model at work online."""
        engines = {
            "reasoner": self.reasoner.engine,
            "embedder": self.embedder.engine,
            "direct": self.embedder_of(direct=True).engine,
            "judge": self.judge.engine,
            "rewriter": self.rewriter.engine,
        }
        return engines[role]

    def index_name(self, corpus: str, *, direct: bool) -> str:
        """The index of a corpus.

        >>> EvaluateConfig().index_name("MSR-VTT", direct=True)
        'evaluate_MSR_VTT_direct'
        """
        plain = "_".join("".join(c if c.isalnum() else " " for c in corpus).split())
        name = f"{self.index}_{plain}{'_direct' if direct else ''}"
        require_index_name(name)
        return name
