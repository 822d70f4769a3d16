"""Which sample and which rates an estimate stands on: the flow between plan and estimate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TextIO

from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import PartialFailure
from tte2_ray.pipelines.cluster import cluster, require_answer
from tte2_ray.pipelines.drawn import draw
from tte2_ray.pipelines.index import preflight
from tte2_ray.pipelines.index.estimate import Estimate, estimate, print_estimate, print_unknown
from tte2_ray.pipelines.index.foresee import print_foreseen, stand_in
from tte2_ray.pipelines.index.fresh import fresh_rows
from tte2_ray.pipelines.index.measure import Measured, measure
from tte2_ray.pipelines.index.plan import Job, unread_by_class
from tte2_ray.pipelines.index.sample import Ecrs, Sample, look, written_before
from tte2_ray.pipelines.rates import Rate, keep_rate, known_rate
from tte2_ray.schema import Item
from tte2_ray.stages.counts import Counts

Todo = Mapping[str, Sequence[Shard]]
"""Shards that each phase has still to do."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What is ahead, and what it took to find out."""

    estimate: Estimate | None = None
    """None where nothing is to do, or no row of the sample came through: nothing is foreseen."""
    sampled: Mapping[str, Counts] = field(default_factory=dict)
    """By phase, what its engine did with the sample; empty where none was started."""


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """A sample of what is still to do."""

    items: Sequence[Item]
    sample: Sample
    ecrs: Ecrs | None
    """Of the items, where nothing is left to reason about; None where they are to be written."""


def expect(job: Job, todo: Todo, out: TextIO) -> Expected:
    """Prints what is ahead; runs a sample on the engines only where nothing is known of their rate.

    To be called on a connected cluster.

    Args:
        job: with its plan.
        todo: what is still to do.
        out: where the estimate goes.
    """
    drawn = _drawn(job, job.store, todo)
    if drawn is None:
        return Expected()
    rates, measured = _known(job), {}
    if drawn.sample.good and any(rates[name] is None and todo[name] for name in rates):
        out.write("       nothing is known of the speed of these models: running a sample\n")
        out.flush()
        measured = _measured(job, drawn, rates)
        rates |= {name: each.rate for name, each in measured.items() if rates[name] is None}
    return Expected(
        estimate=_told(job, job.store, drawn.sample, todo, rates, out),
        sampled={name: each.counts for name, each in measured.items()},
    )


def dry_run(job: Job, plans: Store, todo: Todo, out: TextIO) -> Estimate | None:
    """Runs a sample on the engines, and prints what is ahead; nothing is written to the store.

    Engines are not started for a sample of which no row can be indexed, nor where they have nothing
    left to do, nor are fake ones where a page is asked for (`estimate.rows`): they stand for models
    that are not here.

    Args:
        job: with its plan.
        plans: where its shards lie.
        todo: what is still to do.
        out: where the estimate goes.

    Raises:
        PartialFailure: no row of the corpus is an item, as the job itself would say.
        ConfigError, PrerequisiteError: the Ray that is to be joined is not there.
    """
    if not job.plan.rows:
        raise PartialFailure(
            f"all {job.plan.rows_in} rows of the corpus would be rejected, and nothing indexed: "
            f"{unread_by_class(job.plan, plans)}. Run the job without --dry-run for dead letters "
            "that say why"
        )
    drawn, rates = _drawn(job, plans, todo), _known(job)
    if drawn is None:
        out.write("       nothing to do: every phase is done\n")
        print_foreseen(job, plans, rates, out)
        return None
    if drawn.sample.good and (todo["reason"] or todo["embed"]) and not stand_in(job.config):
        require_answer(job.config.ray)
        with cluster(job.config.ray) as grows:
            preflight.require_cluster(job.config, out, grows=grows)
            rates |= {name: each.rate for name, each in _measured(job, drawn, {}).items()}
    found = _told(job, plans, drawn.sample, todo, rates, out)
    print_foreseen(job, plans, rates, out)
    return found


def _drawn(job: Job, plans: Store, todo: Todo) -> _Drawn | None:
    shards = todo["reason"] or todo["embed"] or todo["load"]
    items = draw(plans, shards, job.config.estimate.sample_rows)
    if not items:
        return None
    sample = look(job.config, items)
    if todo["reason"]:
        return _Drawn(items=items, sample=sample, ecrs=None)
    ecrs, tokens = written_before(job.store, job.ecr_prefix, shards, items)
    return _Drawn(items=items, sample=replace(sample, output_tokens=tokens), ecrs=ecrs)


def _known(job: Job) -> dict[str, Rate | None]:
    reasoner, embedder = job.config.reasoner.engine, job.config.embedder.engine
    engines = {"reason": reasoner, "embed": embedder, "load": None}
    return {name: known_rate(name, job.made[name], engine) for name, engine in engines.items()}


def _measured(job: Job, drawn: _Drawn, known: Mapping[str, Rate | None]) -> dict[str, Measured]:
    """Runs the sample; a rate that is `known`, of a whole run perhaps, is not replaced by it."""
    measured = measure(job.config, drawn.items, drawn.ecrs)
    engines = {"reason": job.config.reasoner.engine, "embed": job.config.embedder.engine}
    for name, each in measured.items():
        if known.get(name) is None:
            keep_rate(name, job.made[name], engines[name], each.rate)
    return measured


def _told(
    job: Job,
    plans: Store,
    sample: Sample,
    todo: Todo,
    rates: Mapping[str, Rate | None],
    out: TextIO,
) -> Estimate | None:
    known = {name: rate for name, rate in rates.items() if rate is not None and rate.tells_time}
    unknown = [name for name, shards in todo.items() if shards and name not in known]
    if unknown or not sample.good:
        print_unknown(sample, unknown, out)
        return None
    found = estimate(job.config, todo, sample, known, fresh_rows(job, plans, todo))
    print_estimate(job.config, found, out)
    return found
