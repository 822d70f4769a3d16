"""What a job will take, before it takes it: no engine is started for that.

A query's tokens come from a few that are decoded here, a candidate's from the counts that are
stored with the index, and what is judged and rewritten from the cascade's own plan of prices. Time
follows from rates, measured or assumed (`rates`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from tte2_ray.artifacts.query_log import Frozen
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import Store
from tte2_ray.cascade import Asked, Candidate, Spent
from tte2_ray.cascade.plan import ladder, plan
from tte2_ray.cascade.pricing import Prices
from tte2_ray.engines import ModelInput
from tte2_ray.engines.tokens import TokenCounter
from tte2_ray.errors import RowError
from tte2_ray.media import decode_item
from tte2_ray.pipelines.drawn import draw
from tte2_ray.pipelines.prices import dollars, usd_per_hour
from tte2_ray.pipelines.progress import duration
from tte2_ray.pipelines.rates import Rate
from tte2_ray.pipelines.rerank.rates import engine_of, rate_of
from tte2_ray.pipelines.rerank.target import Job
from tte2_ray.prompts import query_text

SAMPLED = 32
"""Queries that are decoded for it."""
Todo = Mapping[str, Sequence[Shard]]


@dataclass(frozen=True, kw_only=True)
class PhaseEstimate:
    """What one phase will take at most."""

    name: str
    rows: int
    """Distinct queries to do."""
    tokens: float
    """Read and written, at most."""
    seconds: float | None
    """Start of engines included; None where a sample said nothing of the models' speed."""
    usd: float | None
    basis: str
    """Where its rate comes from."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What is still to do of a job."""

    phases: tuple[PhaseEstimate, ...]

    @property
    def tokens(self) -> float:
        """Of all phases."""
        return sum(phase.tokens for phase in self.phases)

    @property
    def seconds(self) -> float | None:
        """Of all phases, which run one after another; None where that of one is not known."""
        known = [phase.seconds for phase in self.phases if phase.seconds is not None]
        return sum(known) if len(known) == len(self.phases) else None

    @property
    def usd(self) -> float | None:
        """Likewise."""
        known = [phase.usd for phase in self.phases if phase.usd is not None]
        return sum(known) if len(known) == len(self.phases) else None

    def as_dict(self) -> dict[str, Any]:
        """For results.json."""
        return {
            "tokens": self.tokens,
            "seconds": self.seconds,
            "usd": self.usd,
            "phases": [asdict(phase) for phase in self.phases],
        }


def expect(job: Job, plans: Store, todo: Todo, out: TextIO) -> Estimate | None:
    """Prints what is ahead; None where nothing is to do, or no query of the sample can be read.

    Args:
        job: with its plan.
        plans: where its shards lie.
        todo: what is still to do.
        out: where the estimate goes.
    """
    shards = next((shards for shards in todo.values() if shards), ())
    query = _typical_query(job, plans, shards)
    if query is None:
        return None
    rates = {name: rate_of(job, name) for name in todo}
    phases = [
        _phase(job, name, shards, _tokens(job, name, query, rates), rates[name])
        for name, shards in todo.items()
        if shards
    ]
    found = Estimate(phases=tuple(phases))
    _print(job, found, out)
    return found


@dataclass(frozen=True, kw_only=True)
class _Query:
    """A query as it is in the mean."""

    text_tokens: float
    visual_tokens: float


def _typical_query(job: Job, plans: Store, shards: Sequence[Shard]) -> _Query | None:
    counter = TokenCounter(job.config.reasoner.engine.model)
    text = visual = good = 0
    for item in draw(plans, shards, SAMPLED):
        try:
            decoded = decode_item(item, job.config.media)
        except RowError:
            continue
        words = query_text(Frozen.of(item).instruction, decoded.text)
        given = ModelInput.of(words, decoded)
        seen = counter.visual_tokens(given)
        text, visual, good = text + counter.prompt_tokens(given) - seen, visual + seen, good + 1
    return _Query(text_tokens=text / good, visual_tokens=visual / good) if good else None


def _tokens(job: Job, name: str, query: _Query, rates: Mapping[str, Rate | None]) -> float:
    """Of one query in a phase, at most."""
    read = query.text_tokens + query.visual_tokens
    if name == "look":
        return 0.0
    reason = rates.get("reason")
    written = 0.0
    if job.thinks:
        written = (reason.output_tokens if reason else 0) or job.config.reasoner.sampling.max_tokens
    if name == "reason":
        return read + written
    if name == "embed":
        return read + (written if job.config.embedder.reads_ecr else 0.0)
    return float(_reranking(job, query, written))


def _reranking(job: Job, query: _Query, written: float) -> int:
    """What the cascade would plan for a query whose retriever is not sure of itself."""
    config = job.config.cascade
    asked = Asked(
        query_id="", instruction="", text="", ecr="", has_media=query.visual_tokens > 0, key="",
        words_tokens=round(query.text_tokens + (written if query.visual_tokens else 0)),
        ecr_spent=Spent(prompt_text=round(query.text_tokens),
                        prompt_visual=round(query.visual_tokens), output=round(written)),
    )  # fmt: skip
    candidates = [_typical_candidate(job)] * config.retrieve
    wanted = job.policy.wanted(candidates)
    prices = Prices(config)
    judgements = [prices.judgement(asked, each) for each in candidates[: wanted.judge]]
    rewrites = [prices.rewrite(asked, each).total for each in candidates[: wanted.judge]]
    budget = job.config.budget
    most = budget.tokens_per_query
    most = budget.mean_tokens_per_query if most is None else most
    return plan(ladder(judgements, rewrites, wanted), wanted, most).tokens


def _typical_candidate(job: Job) -> Candidate:
    manifest = job.manifest
    rows = max(1, manifest.indexed + manifest.unchanged)

    def mean(name: str) -> int:
        return round(manifest.tokens.get(name, 0) / rows)

    return Candidate(
        item_id="", rank=1, retriever_score=0.0, ecr="", ecr_key="", shard="",
        ecr_tokens=mean("output_tokens"), prompt_tokens=mean("prompt_tokens"),
        visual_tokens=mean("visual_tokens"),
    )  # fmt: skip


def _phase(
    job: Job, name: str, shards: Sequence[Shard], tokens: float, rate: Rate | None
) -> PhaseEstimate:
    rows, engine = sum(shard.rows for shard in shards), engine_of(job, name)
    replicas = min(engine.replicas, len(shards))
    seconds = usd = None
    if not tokens:
        seconds = usd = 0.0
    elif rate is not None and rate.tells_time:
        seconds = rate.start_s + rows * tokens / (rate.per_s * replicas)
        usd = seconds / 3600 * replicas * usd_per_hour(engine, job.config.estimate)
    basis = rate.basis if rate else "no token"
    return PhaseEstimate(name=name, rows=rows, tokens=rows * tokens, seconds=seconds, usd=usd,
                         basis=basis)  # fmt: skip


def _print(job: Job, found: Estimate, out: TextIO) -> None:
    for phase in found.phases:
        out.write(f"       {_line(phase.name, phase)} ({phase.basis})\n")
    prices = job.config.estimate
    out.write(
        f"       {_line('total', found)} at ${prices.usd_per_gpu_hour:g} a GPU and "
        f"${prices.usd_per_cpu_hour:g} a CPU an hour\n"
    )
    out.flush()


def _line(name: str, of: PhaseEstimate | Estimate) -> str:
    time = "time unknown" if of.seconds is None else f"≈ {duration(of.seconds)}"
    cost = "cost unknown" if of.usd is None else dollars(of.usd)
    return f"{name:<6} {time} · ≤ {of.tokens:,.0f} tokens · {cost}"
