"""Rejected rows, run again: the same shards in a next generation.

A shard of the next generation takes over every row that had come through and runs only those that
had not; a shard without rejected rows stays as it is. So no good row costs a token, rows in stay
rows in, and the result is a version of its own: verified, then made live.
"""

from dataclasses import replace

from tte2_ray.artifacts.manifest import manifest_key
from tte2_ray.artifacts.markers import read_markers
from tte2_ray.artifacts.shards import Plan, next_generation, plan_key, read_plan, write_plan
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ResourceMissingError
from tte2_ray.pipelines.index.publish import Target


def redriven(plan: Plan, store: Store, target: Target) -> Plan | None:
    """The plan that runs the rejected rows of `plan` again.

    Returns:
        None where `plan` is itself a redrive that is not finished: it is to be resumed.

    Raises:
        ResourceMissingError: the plan was never run to its end, or nothing was rejected that
            could be run again.
    """
    digest = next_generation(plan.corpus_digest)
    if store.exists(plan_key(plan.prefix, digest)):
        return read_plan(store, plan.prefix, digest)
    if not store.exists(manifest_key(target.index, target.version)):
        if plan.corpus_digest.count("-r"):
            return None
        raise ResourceMissingError(
            f"version {target.version} of {target.index} was never finished: run the job without "
            "--redrive first"
        )
    failed = {
        s.name for s, stats in read_markers(plan, store, target.load_prefix) if stats["rejected"]
    }
    if not failed:
        if plan.corpus_digest.count("-r"):
            return None
        raise ResourceMissingError(
            f"nothing to run again: version {target.version} of {target.index} rejected no item "
            "(rows that the manifest spoils must be mended there)"
        )
    shards = tuple(
        replace(s, name=next_generation(s.name)) if s.name in failed else s for s in plan.shards
    )
    again = replace(plan, corpus_digest=digest, shards=shards)
    write_plan(store, again)
    return again
