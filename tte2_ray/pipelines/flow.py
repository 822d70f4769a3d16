"""The phases of a job, one after another: each holds its workers only while it needs them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO

from tte2_ray.artifacts.markers import pending
from tte2_ray.artifacts.shards import Plan
from tte2_ray.artifacts.store import Store
from tte2_ray.engines import EngineConfig
from tte2_ray.pipelines.phases import Pool, end_running, run_phase
from tte2_ray.pipelines.prices import PriceConfig, usd_per_hour
from tte2_ray.pipelines.progress import PhaseProgress
from tte2_ray.pipelines.rates import keep_rate, measured_rate, tells_a_rate
from tte2_ray.pipelines.watchdog import waits_for, watched
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.metrics import PhaseMetrics


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One arrow of a flow."""

    name: str
    stage: type
    work: object
    """The stage's argument."""
    prefix: str
    """Folder of its markers."""
    pool: Pool
    engine: EngineConfig | None
    """None where it holds none."""
    made: str
    """Fingerprint of what it makes: its rate is kept under that."""


@dataclass(frozen=True, kw_only=True)
class PhaseResult:
    """What a phase did in this run."""

    name: str
    reused: int
    """Rows whose shards were done before."""
    counts: Counts
    seconds: float
    """Wall time, engine start included."""
    working_s: float
    """Wall time since the first shard was begun."""
    usd: float
    """Of what its replicas held, at the configured prices."""

    def as_dict(self) -> dict[str, Any]:
        """The phase in results.json."""
        counts = {n: v for n, v in self.counts.as_dict().items() if n != "seconds"}
        times = {"seconds": self.seconds, "working_s": self.working_s, "usd": self.usd}
        return {"name": self.name, "reused": self.reused, **counts, **times}


def run_phases(
    phases: Sequence[Phase],
    plan: Plan,
    store: Store,
    index: str,
    prices: PriceConfig,
    out: TextIO,
) -> Iterator[PhaseResult]:
    """Runs each phase over the shards that it has still to do; one live line a phase.

    Args:
        phases: in order.
        plan: its shards are what every phase is run over.
        store: where their markers lie.
        index: name of the index, for metrics.
        prices: of replicas.
        out: where progress goes.

    Raises:
        TteError: what a stage raised.
        RuntimeFailure: Ray gave up on it, or nothing came through for too long.
    """
    for phase in phases:
        todo = pending(plan, store, phase.prefix)
        rows = sum(shard.rows for shard in todo)
        progress = PhaseProgress(phase.name, rows, plan.rows - rows, out)
        came = run_phase(phase.stage, phase.work, todo, phase.pool)
        left = partial(_left, plan, store, phase.prefix)
        done = watched(phase.name, came, phase.pool.stall_s, waits_for, len(todo), left,
                       end_running)  # fmt: skip
        for _ in progress.follow(PhaseMetrics(index, phase.name, rows).follow(done)):
            pass
        start_s = progress.seconds - progress.working_s
        replicas = min(phase.pool.replicas, len(todo))
        if tells_a_rate(progress.counts):
            rate = measured_rate(progress.counts, working_s=progress.working_s, start_s=start_s,
                                 replicas=replicas)  # fmt: skip
            keep_rate(phase.name, phase.made, phase.engine, rate)
        price = replicas * usd_per_hour(phase.engine, prices)
        yield PhaseResult(name=phase.name, reused=plan.rows - rows, counts=progress.counts,
                          seconds=progress.seconds, working_s=progress.working_s,
                          usd=progress.seconds / 3600 * price)  # fmt: skip


def _left(plan: Plan, store: Store, prefix: str) -> int:
    return len(pending(plan, store, prefix))
