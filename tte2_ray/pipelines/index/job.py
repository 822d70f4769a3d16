"""Index a corpus.

    corpus ─ plan ─▶ shards ─ reason ─▶ ECRs ─ embed ─▶ vectors ─ load ─▶ version ─ verify ─▶ alias

Every arrow lies in the store, named by what made it: running the same command again does what is
missing and nothing twice. The alias moves last, and only to a version whose counts and sampled
searches held.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TextIO

from tte2_ray.artifacts.corpus import read_corpus
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.keys import fingerprint
from tte2_ray.artifacts.markers import pending
from tte2_ray.artifacts.media_versions import MediaVersions
from tte2_ray.artifacts.s3 import aws_environment
from tte2_ray.artifacts.shards import Plan, Shard
from tte2_ray.artifacts.store import Store, key_part, open_store
from tte2_ray.config import Loaded, Options
from tte2_ray.milvus import server
from tte2_ray.milvus.collection import collection_name
from tte2_ray.pipelines.index.cluster import cluster
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.estimate import estimate_from_engines, print_plan
from tte2_ray.pipelines.index.phases import Pool, engine_pool, run_phase
from tte2_ray.pipelines.index.progress import PhaseProgress
from tte2_ray.pipelines.index.publish import Target, finished, prepare, publish
from tte2_ray.pipelines.index.redrive import redriven
from tte2_ray.pipelines.index.results import PhaseResult, Results, report_results
from tte2_ray.stages.embed import EmbedShards, EmbedWork
from tte2_ray.stages.load import LoadShards, LoadWork
from tte2_ray.stages.reason import ReasonShards, ReasonWork


@dataclass(frozen=True, kw_only=True)
class Job:
    """A configured job with its plan: everything that its phases are named by."""

    config: IndexConfig
    store: Store
    plan: Plan
    ecr_prefix: str
    vector_prefix: str
    target: Target


def index_corpus(loaded: Loaded[IndexConfig], options: Options, out: TextIO = sys.stdout) -> None:
    """Runs the job to its end.

    Args:
        loaded: the configuration.
        options: --dry-run stops after the plan; --redrive runs rejected rows again.
        out: where progress goes.

    Raises:
        ConfigError, PrerequisiteError, ResourceMissingError: found before anything is written.
        PartialFailure: more rows were rejected than the failure budget allows.
        ValidationError: accounting, counts or sampled searches do not hold.
        RuntimeFailure: an engine or Ray failed for good.
    """
    config = loaded.config
    config.require_corpus()
    store = open_store(config.store)
    store.check()
    if not options.dry_run:
        config = config.with_milvus(server.resolve(config.milvus))
    job = plan_job(config, store, options.redrive)
    print_plan(job.config, job.plan, remaining(job), out)
    if options.dry_run:
        estimate_from_engines(job.config, job.plan, job.store, out)
        return
    if (done := finished(job.target, store, job.plan, config.failure_budget)) is not None:
        report_results(job.config, job.plan, Results.unchanged(done), store, out)
        done.require_within(config.failure_budget)
        return
    with cluster(config.ray):
        prepare(job.target, store)
        phases = list(run_phases(job, out))
        published = publish(job.target, store, job.plan, config, out)
    report_results(job.config, job.plan, Results(phases=phases, published=published), store, out)
    published.require_within(config.failure_budget)


def plan_job(config: IndexConfig, store: Store, again: bool) -> Job:
    """Cuts the corpus into shards, or finds that it was cut before, and names what will be made.

    Args:
        config: the job's configuration.
        store: where the plan is frozen.
        again: plan to run the rejected rows of the last run again.
    """
    rows = read_corpus(config.corpus.path, config.corpus.format)
    prefix = f"corpora/{key_part(config.corpus.name)}"
    versions = MediaVersions() if config.corpus.check_files else None
    plan = freeze_plan(store, prefix, rows, config.corpus.rows_per_shard, versions=versions)
    job = _job(config, store, plan)
    while again and (next_plan := redriven(job.plan, store, job.target)) is not None:
        job = _job(config, store, next_plan)
    return job


def remaining(job: Job) -> dict[str, tuple[Shard, ...]]:
    """The shards that each phase has still to do."""
    prefixes = {
        "reason": job.ecr_prefix,
        "embed": job.vector_prefix,
        "load": job.target.load_prefix,
    }
    return {name: pending(job.plan, job.store, prefix) for name, prefix in prefixes.items()}


def run_phases(job: Job, out: TextIO) -> Iterator[PhaseResult]:
    """Reason, embed, load: each holds its workers only while it needs them."""
    config, root = job.config, job.config.store
    restarts = config.ray.max_restarts
    reason = ReasonWork(root=root, prefix=job.ecr_prefix, recipe=config.ecr_recipe(),
                        reasoner=config.reasoner, limits=config.media)  # fmt: skip
    recipe = config.embedding_recipe()
    embed = EmbedWork(root=root, ecr_prefix=job.ecr_prefix, prefix=job.vector_prefix, recipe=recipe,
                      embedder=config.embedder, limits=config.media)  # fmt: skip
    load = LoadWork(root=root, ecr_prefix=job.ecr_prefix, vector_prefix=job.vector_prefix,
                    prefix=job.target.load_prefix, milvus=config.milvus,
                    dead_letter_prefix=job.target.dead_letter_prefix,
                    collection=job.target.spec.name, dimension=recipe.dimension)  # fmt: skip
    writers = Pool(replicas=config.load_writers, num_cpus=1.0, num_gpus=0.0, in_flight=1,
                   max_restarts=restarts, environment=aws_environment())  # fmt: skip
    flow: list[tuple[str, type, Any, str, Pool]] = [
        ("reason", ReasonShards, reason, job.ecr_prefix,
         engine_pool(config.reasoner.engine, restarts)),
        ("embed", EmbedShards, embed, job.vector_prefix,
         engine_pool(config.embedder.engine, restarts)),
        ("load", LoadShards, load, job.target.load_prefix, writers),
    ]  # fmt: skip
    for name, stage, work, prefix, pool in flow:
        todo = pending(job.plan, job.store, prefix)
        rows = sum(shard.rows for shard in todo)
        progress = PhaseProgress(name, rows, job.plan.rows - rows, out)
        result = PhaseResult(name=name, reused=job.plan.rows - rows)
        for stats in progress.follow(run_phase(stage, work, todo, pool)):
            result.add(stats)
        result.seconds = progress.seconds
        yield result


def _job(config: IndexConfig, store: Store, plan: Plan) -> Job:
    ecr, embedding = config.ecr_recipe(), config.embedding_recipe()
    milvus = config.milvus
    described = {
        "corpus": plan.corpus_digest,
        "embedding": embedding.fingerprint,
        "index_type": milvus.index_type,
        "metric": milvus.metric,
        "build": milvus.build_params,
        "metadata": list(milvus.metadata_fields),
    }
    version = f"v{fingerprint('version', described)}"
    collection_name(config.index, version)
    target = Target.of(config, version, ecr.fingerprint, embedding)
    return Job(
        config=config,
        store=store,
        plan=plan,
        ecr_prefix=f"ecr/{ecr.fingerprint}",
        vector_prefix=f"vectors/{embedding.fingerprint}",
        target=target,
    )
