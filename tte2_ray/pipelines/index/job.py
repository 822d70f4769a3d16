"""Index a corpus.

    corpus ─ plan ─▶ shards ─ reason ─▶ ECRs ─ embed ─▶ vectors ─ load ─▶ version ─ verify ─▶ alias

Every arrow lies in the store, named by what made it: running the same command again does what is
missing and nothing twice. The alias moves last, and only to a version whose counts and sampled
searches held.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TextIO

from tte2_ray.artifacts.around import FencedStore, Overlay
from tte2_ray.artifacts.lease import Lease
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.working import working
from tte2_ray.config import Loaded, Options
from tte2_ray.pipelines import flow
from tte2_ray.pipelines.cluster import cluster, require_answer
from tte2_ray.pipelines.flow import Phase, PhaseResult
from tte2_ray.pipelines.folders import plans_of, with_home_folders
from tte2_ray.pipelines.index import preflight
from tte2_ray.pipelines.index.accounts import account_for
from tte2_ray.pipelines.index.closing import tell_changes
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.estimate import print_plan
from tte2_ray.pipelines.index.expect import Expected, dry_run, expect
from tte2_ray.pipelines.index.plan import Job, plan_job, remaining, require_rows
from tte2_ray.pipelines.index.publish import finished, forget_what_is_gone, make_collection, publish
from tte2_ray.pipelines.index.results import Results, Run, keep_run, report_results
from tte2_ray.pipelines.outcome import outcome_told, tell_running
from tte2_ray.pipelines.phases import Pool, engine_pool
from tte2_ray.stages.bulk_load import loader_of
from tte2_ray.stages.embed import EmbedShards, EmbedWork
from tte2_ray.stages.load import LoadWork
from tte2_ray.stages.reason import ReasonShards, ReasonWork


def index_corpus(loaded: Loaded[IndexConfig], options: Options, out: TextIO = sys.stdout) -> None:
    """Runs the job to its end.

    Args:
        loaded: the configuration.
        options: --dry-run stops after the plan; --redrive runs rejected rows again.
        out: where progress goes.

    Raises:
        ConfigError, PrerequisiteError, ResourceMissingError: found before anything is written, but
            for a Ray that an index with versions turns out to need.
        PartialFailure: more rows were rejected than the failure budget allows.
        ValidationError: accounting, counts or sampled searches do not hold.
        RuntimeFailure: an engine or Ray failed for good.
    """
    config = with_home_folders(loaded.config)
    with outcome_told(config.report_dir, {"index": config.index}, dry_run=options.dry_run):
        _index(config, options, out)


def _index(config: IndexConfig, options: Options, out: TextIO) -> None:
    began = time.monotonic()
    config, store = preflight.check(config, dry_run=options.dry_run)
    if options.dry_run:
        with plans_of(store, dry=True) as plans:
            plans = Overlay(plans, store)
            job = plan_job(config, store, plans, options.redrive)
            tell_changes(job.changes, out)
            print_plan(config, job.plan, remaining(job), out)
            dry_run(job, plans, remaining(job), out)
        return
    # In the folder that was only now made.
    tell_running(config.report_dir, {"index": config.index})
    with working(store, config.index, config.lease, out) as lease:
        _make(config, FencedStore(store, lease), lease, options, out, began)


def _make(
    config: IndexConfig, store: Store, lease: Lease, options: Options, out: TextIO, began: float
) -> None:
    """Makes the version, as the one who works on the index."""
    job = plan_job(config, store, store, options.redrive)
    tell_changes(job.changes, out)
    require_rows(job.plan, store)
    run = Run()
    done = finished(job.target, store, job.plan, config.failure_budget, lease)
    if done is None:
        forget_what_is_gone(job.target, store, job.plan)
        todo = remaining(job)
        print_plan(config, job.plan, todo, out)
        phases, expected = _work(job, out)
        run = Run(phases=phases, expected=expected, seconds=time.monotonic() - began)
        accounts = account_for(job.plan, store, job.target, todo["load"])
        keep_run(run, accounts, job.target, store)
        done = publish(job.target, store, job.plan, accounts, config, lease, out)
    run = replace(run, seconds=time.monotonic() - began)
    results = Results(run=run, published=done, target=job.target, changes=job.changes)
    report_results(config, job.plan, results, store, out)
    done.require_within(config.failure_budget)


def _work(job: Job, out: TextIO) -> tuple[list[PhaseResult], Expected]:
    """Runs what is still to do; Ray starts only where there is something."""
    todo = remaining(job)
    if not any(todo.values()):
        return list(run_phases(job, out)), Expected()
    require_answer(job.config.ray)
    with cluster(job.config.ray) as grows:
        preflight.require_cluster(job.config, out, grows=grows)
        expected = expect(job, todo, out)
        make_collection(job.target)
        return list(run_phases(job, out)), expected


def run_phases(job: Job, out: TextIO) -> Iterator[PhaseResult]:
    """Reason, embed, load."""
    config = job.config
    if how := _loader(job)[1]:
        out.write(f"       rows go into Milvus {how}\n")
    return flow.run_phases(phases_of(job), job.plan, job.store, config.index, config.estimate, out)


def _loader(job: Job) -> tuple[type, str]:
    """See `loader_of`."""
    return loader_of(job.config.milvus, lambda: sum(shard.rows for shard in remaining(job)["load"]))


def phases_of(job: Job) -> tuple[Phase, ...]:
    """The flow of a job."""
    config, root, target = job.config, job.store.root, job.target
    ray, recipe = config.ray, config.embedding_recipe()
    reason = ReasonWork(index=config.index, root=root, prefix=job.ecr_prefix,
                        recipe=config.ecr_recipe(), reasoner=config.reasoner,
                        limits=config.media)  # fmt: skip
    embed = EmbedWork(index=config.index, root=root, ecr_prefix=job.ecr_prefix,
                      prefix=job.vector_prefix, recipe=recipe, embedder=config.embedder,
                      limits=config.media)  # fmt: skip
    load = LoadWork(root=root, ecr_prefix=job.ecr_prefix, vector_prefix=job.vector_prefix,
                    prefix=target.load_prefix, dead_letter_prefix=target.dead_letter_prefix,
                    milvus=config.milvus, collection=target.spec.name,
                    dimension=recipe.dimension)  # fmt: skip
    writers = Pool(replicas=config.load_writers, num_cpus=1.0, num_gpus=0.0, in_flight=1,
                   max_restarts=ray.max_restarts, stall_s=ray.stall_s)  # fmt: skip
    reasoner, embedder = config.reasoner.engine, config.embedder.engine
    made = job.made
    return (
        Phase(name="reason", stage=ReasonShards, work=reason, prefix=reason.prefix,
              pool=engine_pool(reasoner, ray), engine=reasoner, made=made["reason"]),
        Phase(name="embed", stage=EmbedShards, work=embed, prefix=embed.prefix,
              pool=engine_pool(embedder, ray), engine=embedder, made=made["embed"]),
        Phase(name="load", stage=_loader(job)[0], work=load, prefix=load.prefix, pool=writers,
              engine=None, made=made["load"]),
    )  # fmt: skip
