"""Rejected rows, run again: the same shards in a next generation.

A shard of the next generation takes over every row that had come through and runs only those that
had not; a shard without rejected rows stays as it is. So no good row costs a token, rows in stay
rows in, and the result is a version of its own: verified, then made live.
"""

from collections.abc import Callable
from dataclasses import replace

from tte2_ray.artifacts.generations import first_generation, next_generation
from tte2_ray.artifacts.manifest import manifest_key
from tte2_ray.artifacts.markers import read_markers
from tte2_ray.artifacts.shards import Plan, plan_key, read_plan, write_plan
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ResourceMissingError
from tte2_ray.pipelines.index.target import Target


def latest_generation(plan: Plan, store: Store) -> Plan:
    """The plan whose rejected rows were last run again; `plan` itself where they never were."""
    while store.exists(plan_key(plan.prefix, next_generation(plan.corpus_digest))):
        plan = read_plan(store, plan.prefix, next_generation(plan.corpus_digest))
    return plan


def redriven(plan: Plan, store: Store, plans: Store, target_of: Callable[[Plan], Target]) -> Plan:
    """The plan that runs rejected rows again: the one that was begun, or a next one.

    Args:
        plan: the latest generation.
        store: what was made before.
        plans: where a next one is frozen.
        target_of: what the job makes of a plan.

    Raises:
        ResourceMissingError: the plan was never run to its end, or nothing was rejected that
            could be run again.
    """
    target, again = target_of(plan), first_generation(plan.corpus_digest) != plan.corpus_digest
    if not store.exists(manifest_key(target.index, target.version)):
        if again:
            return plan  # a redrive that was killed: it is resumed
        raise ResourceMissingError(
            f"version {target.version} of {target.index} was never finished: run the job without "
            "--redrive first"
        )
    failed = {
        s.name for s, stats in read_markers(plan, store, target.load_prefix) if stats["rejected"]
    }
    if not failed and again:
        return plan  # all is mended: there is nothing left to do
    if not failed:
        raise ResourceMissingError(
            f"nothing to run again: version {target.version} of {target.index} rejected no item "
            "(rows that the manifest spoils must be mended there)"
        )
    shards = tuple(
        replace(s, name=next_generation(s.name)) if s.name in failed else s for s in plan.shards
    )
    digest = next_generation(plan.corpus_digest)
    begun = replace(plan, corpus_digest=digest, shards=shards)
    write_plan(plans, begun)
    return begun
