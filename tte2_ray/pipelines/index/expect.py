"""Which sample and which rates an estimate stands on: the flow between plan and estimate."""

from collections.abc import Mapping, Sequence
from typing import TextIO

from tte2_ray.artifacts.shards import Plan, Shard
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import PartialFailure
from tte2_ray.pipelines.index import preflight
from tte2_ray.pipelines.index.cluster import cluster
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.estimate import Estimate, estimate, print_estimate, print_unknown
from tte2_ray.pipelines.index.rates import Rate, keep_rate, known_rate
from tte2_ray.pipelines.index.sample import Sample, draw, look, measure
from tte2_ray.schema import Item

Todo = Mapping[str, Sequence[Shard]]
"""Shards that each phase has still to do."""


def expect(
    config: IndexConfig, plans: Store, todo: Todo, made: Mapping[str, str], out: TextIO
) -> Estimate | None:
    """Prints what is ahead; runs a sample on the engines only where nothing is known of their rate.

    To be called on a connected cluster.

    Args:
        config: of the job.
        plans: where its shards lie.
        todo: what is still to do.
        made: by phase, the fingerprint of what it makes.
        out: where the estimate goes.

    Returns:
        None where nothing is to do, or no row of the sample came through: then nothing is foreseen.
    """
    items = _sample(config, plans, todo)
    if not items:
        return None
    sample = look(config, items)
    engines = {"reason": config.reasoner.engine, "embed": config.embedder.engine, "load": None}
    rates = {name: known_rate(name, made[name], engine) for name, engine in engines.items()}
    if sample.good and any(rates[name] is None and todo[name] for name in engines):
        out.write("       nothing is known of the speed of these models: running a sample\n")
        out.flush()
        measured = _measured(config, items, made)
        rates = {name: known or measured.get(name) for name, known in rates.items()}
    return _told(config, sample, todo, rates, out)


def dry_run(
    config: IndexConfig,
    plan: Plan,
    plans: Store,
    todo: Todo,
    made: Mapping[str, str],
    out: TextIO,
) -> Estimate | None:
    """Runs a sample on the engines, and prints what is ahead; nothing is written to the store.

    Engines are not started for a sample of which no row can be indexed.

    Raises:
        PartialFailure: no row of the corpus is an item, as the job itself would say.
    """
    if not plan.rows:
        raise PartialFailure(
            f"all {plan.rows_in} rows of the corpus would be rejected, and nothing indexed; run "
            "the job without --dry-run for dead letters that say why"
        )
    items = _sample(config, plans, todo)
    if not items:
        out.write("       nothing to do: every phase is done\n")
        return None
    sample = look(config, items)
    if not sample.good:
        return _told(config, sample, todo, {}, out)
    with cluster(config.ray) as grows:
        preflight.require_cluster(config, out, grows=grows)
        measured = _measured(config, items, made)
    rates = {**measured, "load": known_rate("load", made["load"], None)}
    return _told(config, sample, todo, rates, out)


def _sample(config: IndexConfig, plans: Store, todo: Todo) -> list[Item]:
    shards = todo["reason"] or todo["embed"] or todo["load"]
    return draw(plans, shards, config.estimate.sample_rows)


def _measured(
    config: IndexConfig, items: Sequence[Item], made: Mapping[str, str]
) -> dict[str, Rate]:
    measured = measure(config, items)
    engines = {"reason": config.reasoner.engine, "embed": config.embedder.engine}
    for name, rate in measured.items():
        keep_rate(name, made[name], engines[name], rate)
    return measured


def _told(
    config: IndexConfig,
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
    found = estimate(config, todo, sample, known)
    print_estimate(config, found, out)
    return found
