"""Rejected rows, run again: the same rows in shards of a next generation.

A shard of the next generation takes over every row that had come through and whose files are still
what they were, and runs only the others; a shard without rejected rows or changed files stays as it
is. So no good row costs a token, rows in stay rows in, and the result is a version of its own:
verified, then made live.

A file that was mended in place may change the digest of the plan (`corpus.check_files`), not that
of its rows: by these the version is found that is mended. What was rejected while the corpus was
read has no row: mended, it makes other rows, hence other shards, which a plan anew cuts.
"""

from collections.abc import Callable
from dataclasses import replace

from tte2_ray.artifacts.freeze import frozen
from tte2_ray.artifacts.generations import first_generation, next_generation
from tte2_ray.artifacts.manifest import manifest_key, read_manifest
from tte2_ray.artifacts.markers import read_markers
from tte2_ray.artifacts.shards import Plan, Shard, list_plans, plan_key, read_plan
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ResourceMissingError
from tte2_ray.pipelines.index.target import Target

_TargetOf = Callable[[Plan], Target]
_UNREAD = (
    "; {} rows of the corpus were rejected while it was read: mend them in the manifest, or the "
    "files of a folder themselves, then run the same command without --redrive, which plans anew"
)


def latest_generation(plan: Plan, store: Store) -> Plan:
    """The plan whose rejected rows were last run again; `plan` itself where they never were."""
    while store.exists(plan_key(plan.prefix, next_generation(plan.corpus_digest))):
        plan = read_plan(store, plan.prefix, next_generation(plan.corpus_digest))
    return plan


def redriven(plan: Plan, store: Store, plans: Store, target_of: _TargetOf) -> Plan:
    """The plan that runs rejected rows again: the one that was begun, or a next one.

    Args:
        plan: of the corpus as it is now, in its latest generation.
        store: what was made before.
        plans: where a next one is frozen.
        target_of: what the job makes of a plan.

    Raises:
        ResourceMissingError: no plan of these rows was ever run to its end, or nothing was
            rejected that could be run again.
    """
    again = first_generation(plan.corpus_digest) != plan.corpus_digest
    before = plan if _finished_at(plan, store, target_of) else None
    if before is None and again:
        return plan  # a redrive that was killed: it is resumed
    before = before or _last_finished(plan, store, target_of)
    target = target_of(before)
    load = read_markers(before, store, target.load_prefix)
    failed = {shard.name for shard, stats in load if stats["rejected"]}
    pairs = zip(plan.shards, before.shards, strict=True)
    shards = tuple(_next_shard(now, was, was.name in failed) for now, was in pairs)
    if shards == before.shards and again:
        return plan  # all is mended: there is nothing left to do
    if shards == before.shards:
        raise ResourceMissingError(
            f"nothing to run again: version {target.version} of {target.index} rejected no item"
            + (_UNREAD.format(plan.rejected) if plan.rejected else "")
        )
    begun = replace(plan, corpus_digest=next_generation(plan.corpus_digest), shards=shards)
    return frozen(plans, begun)


def _next_shard(now: Shard, was: Shard, failed: bool) -> Shard:
    same_files = first_generation(now.name) == first_generation(was.name)
    if same_files and not failed:
        return was
    return replace(now, name=next_generation(was.name if same_files else now.name),
                   earlier=was.name)  # fmt: skip


def _last_finished(plan: Plan, store: Store, target_of: _TargetOf) -> Plan:
    """Of the plans of the same rows, the one that was last run to its end."""
    same = (p for p in list_plans(store, plan.prefix) if p.rows_digest == plan.rows_digest)
    found = {at: other for other in same if (at := _finished_at(other, store, target_of))}
    if found and plan.rows_digest:
        return found[max(found)]
    target = target_of(plan)
    if plan.rows_digest and (last := _last_version(plan, store, target_of)):
        raise ResourceMissingError(
            f"the corpus has other rows than version {last} of {target.index}, the last that was "
            "finished with these models: the manifest changed, or files of a folder did (one that "
            "could not be read, such as an encrypted PDF, now gives rows). Run the same command "
            "without --redrive: it plans anew, and does what is not done yet"
        )
    raise ResourceMissingError(
        f"version {target.version} of {target.index} was never finished, nor another of the "
        "same rows with these models: run the job without --redrive first"
    )


def _last_version(plan: Plan, store: Store, target_of: _TargetOf) -> str:
    """Of whatever rows of the corpus, the version that was last finished; "" where none was."""
    others = list_plans(store, plan.prefix)
    found = {at: target_of(other).version
             for other in others if (at := _finished_at(other, store, target_of))}  # fmt: skip
    return found[max(found)] if found else ""


def _finished_at(plan: Plan, store: Store, target_of: _TargetOf) -> tuple[int, str] | None:
    """In which order the version of a plan was verified; None where it never was."""
    target = target_of(plan)
    if not store.exists(manifest_key(target.index, target.version)):
        return None
    return read_manifest(store, target.index, target.version).age
