"""The log, cut into shards of distinct queries, and what is still to do of it."""

from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from typing import TextIO

from tte2_ray.artifacts.dead_letters import read_dead_letters
from tte2_ray.artifacts.freeze import frozen
from tte2_ray.artifacts.generations import first_generation, next_generation
from tte2_ray.artifacts.markers import pending, read_markers
from tte2_ray.artifacts.media_versions import MediaVersions
from tte2_ray.artifacts.query_log import FirstStage, read_log
from tte2_ray.artifacts.query_log.freeze import FrozenLog, freeze_log
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import Store, key_part
from tte2_ray.errors import PartialFailure, ResourceMissingError
from tte2_ray.pipelines.index.redrive import latest_generation
from tte2_ray.pipelines.rerank.config import RerankConfig
from tte2_ray.pipelines.rerank.target import Job
from tte2_ray.stages.own_stages import Before


def plan_log(config: RerankConfig, plans: Store) -> FrozenLog:
    """Cuts the log into shards, or finds that it was cut before.

    Args:
        config: of the job.
        plans: where the plan is frozen.

    Raises:
        ResourceMissingError: the log or the run is missing, or the log has no rows.
        ValidationError: a file is broken as a whole.
    """
    log = config.log
    versions = MediaVersions(config.media) if log.check_files else None
    with ExitStack() as opened:
        run = opened.enter_context(FirstStage(log.run)) if log.run else None
        return freeze_log(
            plans,
            f"queries/{key_part(log.name)}",
            read_log(log.path, log.format),
            log.queries_per_shard,
            instruction=log.instruction,
            first_stage=run,
            versions=versions,
        )


def remaining(job: Job) -> dict[str, tuple[Shard, ...]]:
    """The shards that each phase has still to do."""
    prefixes = {("reason" if job.thinks else "look"): job.ecr_prefix}
    if job.retrieves:
        prefixes["embed"] = job.vector_prefix
    prefixes["rerank"] = job.prefix
    return {name: pending(job.log.plan, job.store, prefix) for name, prefix in prefixes.items()}


def before(job: Job) -> Before:
    """What earlier runs have left of the queries' own ECRs and vectors."""
    names = frozenset(shard.name for shard in job.log.plan.shards)
    left = remaining(job)
    ecrs, vectors = (left.get("reason", ()), left.get("embed", ()))
    return Before(
        ecrs=names.difference(shard.name for shard in ecrs),
        vectors=names.difference(shard.name for shard in vectors),
    )


def latest(log: FrozenLog, store: Store) -> FrozenLog:
    """The log with the plan whose rejected queries were last run again."""
    return replace(log, plan=latest_generation(log.plan, store))


def redriven(job: Job, plans: Store) -> FrozenLog:
    """The log with a plan that runs again what was rejected, or refused by what may pass: the plan
    that was begun, or a next one.

    A shard of the next generation takes over the ECRs and vectors that stand, and its answers are
    kept ones.

    Args:
        job: with its plan in its latest generation.
        plans: where a next one is frozen.

    Raises:
        ResourceMissingError: the log was never run to its end, or nothing was rejected or refused
            that another try may mend.
    """
    plan = job.log.plan
    if pending(plan, job.store, job.prefix):
        if first_generation(plan.corpus_digest) != plan.corpus_digest:
            return job.log  # a redrive that was killed: it is resumed
        raise ResourceMissingError("this log was never run to its end: run it without --redrive")
    markers = read_markers(plan, job.store, job.prefix)
    failed = {s.name for s, stats in markers if stats["rejected"] or stats.get("refused")}
    if not failed:
        raise ResourceMissingError(
            f"nothing to run again: {plan.rejected} queries were rejected, all of them while the "
            "log was read: mend it; what was refused for its price or its length is refused again: "
            "mend cascade.pricing or the engine's context; then run without --redrive"
        )
    shards = tuple(
        replace(each, name=next_generation(each.name), earlier=each.name)
        if each.name in failed
        else each
        for each in plan.shards
    )
    begun = replace(plan, corpus_digest=next_generation(plan.corpus_digest), shards=shards)
    return replace(job.log, plan=frozen(plans, begun))


def require_queries(log: FrozenLog, store: Store) -> None:
    """Raises where there is nothing to rerank.

    Raises:
        PartialFailure: no row of the log is a query.
    """
    if log.queries:
        return
    letters = list(read_dead_letters(store, log.plan.dead_letters))
    classes = Counter(letter.error_class for letter in letters).most_common()
    words = ", ".join(f"{count} {name}" for name, count in classes)
    where = f". See {store.uri(log.plan.dead_letters[0])}" if log.plan.dead_letters else ""
    first = f", the first: {letters[0].message}" if letters else ""
    raise PartialFailure(f"all {log.rows_in} rows of the log were rejected: {words}{first}{where}")


def print_plan(job: Job, out: TextIO) -> None:
    """The plan: queries, shards, and what each phase has still to do."""
    config, log, plan = job.config, job.log, job.log.plan
    rows = {name: sum(shard.rows for shard in shards) for name, shards in remaining(job).items()}
    left = " · ".join(f"{name} {count:,}" for name, count in rows.items())
    shards = f"{len(plan.shards):,} shard{'s' if len(plan.shards) != 1 else ''}"
    out.write(
        f"plan   {log.rows_in:,} queries, {plan.rows:,} distinct in {shards} of {config.log.path} "
        f"({plan.rejected:,} unreadable)\n"
        f"       index {job.manifest.index} · version {job.manifest.version} · judge "
        f"{config.judge.engine.model} · rewriter {config.rewriter.engine.model}\n"
        f"       {budget_in_words(config)} · policy {job.policy.name}\n"
        f"       distinct queries to do: {left}\n"
    )
    out.flush()


def budget_in_words(config: RerankConfig) -> str:
    """What reranking may spend.

    >>> budget_in_words(RerankConfig())
    'no budget'
    """
    budget = config.budget
    if budget.tokens_per_query is not None:
        return f"at most {budget.tokens_per_query:,} tokens a query"
    if budget.mean_tokens_per_query is not None:
        return f"at most {budget.mean_tokens_per_query:,} tokens a query in the mean"
    return "no budget"
