"""What a job will take, before it takes it: tokens from a decoded sample, time from known rates.

Rates come from the last run with the same models, from an assumption for the miniature, or from
running the sample on the engines: always with --dry-run, and before a run about which nothing is
known.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from tte2_ray.artifacts.shards import Plan, Shard
from tte2_ray.engines import EngineConfig
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.formulas import phase_seconds
from tte2_ray.pipelines.index.sample import Sample
from tte2_ray.pipelines.prices import dollars, usd_per_hour
from tte2_ray.pipelines.progress import duration
from tte2_ray.pipelines.rates import Rate


@dataclass(frozen=True, kw_only=True)
class PhaseEstimate:
    """What one phase will take."""

    name: str
    rows: int
    taken_over: int
    """Rows that are not done again, beside `rows`."""
    prompt_tokens: float
    output_tokens: float
    at_most: bool
    """`output_tokens` is a limit, not an expectation."""
    seconds: float
    """Start of engines included."""
    usd: float
    basis: str
    """Where its rate comes from."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What is still to do of a job."""

    sample: Sample
    phases: tuple[PhaseEstimate, ...]
    """Those with rows to do."""

    @property
    def seconds(self) -> float:
        """Of all phases, which run one after another."""
        return sum(phase.seconds for phase in self.phases)

    @property
    def usd(self) -> float:
        """Of all phases."""
        return sum(phase.usd for phase in self.phases)

    def as_dict(self) -> dict[str, Any]:
        """For results.json."""
        return {
            "sample": asdict(self.sample),
            "phases": [asdict(phase) for phase in self.phases],
            "seconds": self.seconds,
            "usd": self.usd,
        }


def print_plan(
    config: IndexConfig, plan: Plan, todo: Mapping[str, Sequence[Shard]], out: TextIO
) -> None:
    """The plan: rows, shards, and what each phase has still to do."""
    reasoner, embedder = config.reasoner.engine.model, config.embedder.engine.model
    rows = {name: sum(s.rows for s in shards) for name, shards in todo.items()}
    left = " · ".join(f"{name} {count:,}" for name, count in rows.items())
    shards = f"{len(plan.shards):,} shard{'s' if len(plan.shards) != 1 else ''}"
    out.write(
        f"plan   {plan.rows_in:,} rows in {shards} of {config.corpus.path}"
        f" ({plan.rejected:,} unreadable)\n"
        f"       reasoner {reasoner} · embedder {embedder} · store {config.store}\n"
        f"       rows to do: {left}\n"
    )
    if plan.rejected > config.failure_budget * plan.rows_in:
        out.write(
            f"       warning: {plan.rejected / plan.rows_in:.1%} of the rows cannot be read, above "
            f"failure_budget={config.failure_budget:g}: the version would not be served\n"
        )
    out.flush()


def estimate(
    config: IndexConfig,
    todo: Mapping[str, Sequence[Shard]],
    sample: Sample,
    rates: Mapping[str, Rate],
    fresh: Mapping[str, int] | None = None,
) -> Estimate:
    """The sample, scaled to what is to do.

    Time of a phase as `formulas.phase_seconds` has it; cost = that time × replicas × price of what
    a replica holds. No more replicas start than there are shards to do.

    Args:
        config: replicas, limits and prices.
        todo: shards by phase.
        sample: tokens a row.
        rates: by phase; each tells time.
        fresh: rows by phase that are not taken over from earlier shards; None for all.
    """
    phases = []
    written, at_most = written_tokens(config, sample, rates.get("reason"))
    for name, engine in _engines(config):
        left = sum(shard.rows for shard in todo[name])
        if not left:
            continue
        rows = left if fresh is None else fresh[name]
        read = sample.prompt_tokens
        if name == "embed" and config.embedder.reads_ecr:
            read += written
        output = written if name == "reason" else 0.0
        amount = read + output if engine else 1.0
        rate, replicas = rates[name], engine.replicas if engine else config.load_writers
        replicas = min(replicas, len(todo[name]))
        seconds = phase_seconds(rows, amount, rate.per_s, replicas, rate.start_s)
        phases.append(
            PhaseEstimate(
                name=name,
                rows=rows,
                taken_over=left - rows,
                prompt_tokens=rows * read if engine else 0.0,
                output_tokens=rows * output,
                at_most=at_most and name == "reason",
                seconds=seconds,
                usd=seconds / 3600 * replicas * usd_per_hour(engine, config.estimate),
                basis=rate.basis,
            )
        )
    return Estimate(sample=sample, phases=tuple(phases))


def print_estimate(config: IndexConfig, found: Estimate, out: TextIO) -> None:
    """The estimate, a line a phase."""
    for line in _lines(config, found):
        out.write(f"       {line}\n")
    out.flush()


def print_unknown(sample: Sample, unknown: Sequence[str], out: TextIO) -> None:
    """What there is to say where no row of the sample came through.

    Args:
        sample: as it was decoded.
        unknown: phases of whose speed nothing is known.
        out: where it goes.
    """
    if sample.good:
        said = [_tokens(sample), f"no row of it came through {', '.join(unknown)} on the engines: "
                                 "time and cost are unknown"]  # fmt: skip
    else:
        said = [f"sample of {sample.rows} rows: none of them can be indexed ({_refused(sample)})",
                "tokens, time and cost are unknown; are corpus.path and the URIs in it right, and "
                "the disks mounted?"]  # fmt: skip
    out.writelines(f"       {line}\n" for line in said)
    out.flush()


def _refused(sample: Sample) -> str:
    return ", ".join(f"{count} {name}" for name, count in sample.rejected.items())


def _tokens(sample: Sample) -> str:
    refused = f"; refused: {_refused(sample)}" if sample.rejected else ""
    return (
        f"sample of {sample.rows} rows: ≈ {sample.prompt_tokens:,.0f} tokens a row "
        f"({sample.visual_tokens:,.0f} visual){refused}"
    )


def _lines(config: IndexConfig, found: Estimate) -> Iterator[str]:
    prices = config.estimate
    yield _tokens(found.sample)
    for phase in found.phases:
        parts = [f"{phase.name:<6} ≈ {duration(phase.seconds)}"]
        if phase.taken_over:
            parts.append(f"{phase.rows:,} rows, {phase.taken_over:,} taken over")
        if phase.prompt_tokens:
            parts.append(f"{phase.prompt_tokens:,.0f} tokens read")
        if phase.output_tokens:
            parts.append(f"{'≤ ' if phase.at_most else ''}{phase.output_tokens:,.0f} written")
        parts.append(dollars(phase.usd))
        yield f"{' · '.join(parts)} ({phase.basis})"
    yield (
        f"total  ≈ {duration(found.seconds)} · {dollars(found.usd)} at "
        f"${prices.usd_per_gpu_hour:g} a GPU and ${prices.usd_per_cpu_hour:g} a CPU an hour"
    )


def _engines(config: IndexConfig) -> tuple[tuple[str, EngineConfig | None], ...]:
    return (
        ("reason", config.reasoner.engine),
        ("embed", config.embedder.engine),
        ("load", None),
    )


def written_tokens(config: IndexConfig, sample: Sample, rate: Rate | None) -> tuple[float, bool]:
    """Tokens of an ECR, and whether that is only their limit.

    Args:
        config: with that limit.
        sample: of the corpus.
        rate: of the reasoner; None where nothing is known of it.
    """
    if sample.output_tokens:
        return sample.output_tokens, False
    if rate and rate.output_tokens:
        return rate.output_tokens, False
    return float(config.reasoner.sampling.max_tokens), True
