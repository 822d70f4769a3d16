"""Rerank a log of queries under a token budget.

    log ─ distinct ─▶ queries ─ reason ─▶ ECRs ─ embed ─▶ vectors ─ rerank ─▶ answers ─ gather ▶ run
         driver        store     vLLM    store   vLLM     store   Milvus+vLLM  store    driver

Every arrow lies in the store, named by what made it: running the same command again does what is
missing and nothing twice. Answers of judge and rewriter are kept by themselves: the same log under
another budget asks an engine only what no run has asked before.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from tte2_ray.artifacts.around import FencedStore
from tte2_ray.artifacts.lease import LeaseConfig
from tte2_ray.artifacts.working import working
from tte2_ray.config import Loaded, Options
from tte2_ray.pipelines import flow
from tte2_ray.pipelines.cluster import cluster, require_answer
from tte2_ray.pipelines.flow import Phase, PhaseResult
from tte2_ray.pipelines.folders import plans_of, with_home_folders
from tte2_ray.pipelines.outcome import REPORT, outcome_told, tell_running
from tte2_ray.pipelines.phases import engine_pool
from tte2_ray.pipelines.rerank import preflight
from tte2_ray.pipelines.rerank.config import RerankConfig
from tte2_ray.pipelines.rerank.expect import expect
from tte2_ray.pipelines.rerank.files import FILES
from tte2_ray.pipelines.rerank.outputs import gather
from tte2_ray.pipelines.rerank.plan import (
    before,
    latest,
    plan_log,
    print_plan,
    redriven,
    remaining,
    require_queries,
)
from tte2_ray.pipelines.rerank.results import Ended, report_results
from tte2_ray.pipelines.rerank.target import Job
from tte2_ray.stages.queries import (
    EmbedQueries,
    EmbedQueriesWork,
    LookAtQueries,
    ReasonQueries,
)
from tte2_ray.stages.ready import Sources
from tte2_ray.stages.reason import ReasonWork
from tte2_ray.stages.rerank import RerankShards, RerankWork

_PLANNING = LeaseConfig(wait_s=3600.0)
"""Another job that plans the same log is waited for, and who deletes garbage."""


def rerank_log(loaded: Loaded[RerankConfig], options: Options, out: TextIO = sys.stdout) -> None:
    """Runs the job to its end.

    Args:
        loaded: the configuration.
        options: --dry-run stops after the plan; --redrive runs rejected queries again.
        out: where progress goes.

    Raises:
        ConfigError, PrerequisiteError, ResourceMissingError: found before anything is written, but
            for a Ray that turns out to be needed.
        ValidationError: the index was made with other models, or queries are not accounted for.
        PartialFailure: more queries were rejected than the failure budget allows.
        RuntimeFailure: an engine, Milvus or Ray failed for good.
    """
    config = with_home_folders(loaded.config)
    with outcome_told(config.report_dir, {"index": config.index}, dry_run=options.dry_run,
                      files=(REPORT, *FILES)):  # fmt: skip
        _rerank(config, options, out)


def _rerank(config: RerankConfig, options: Options, out: TextIO) -> None:
    began = time.monotonic()
    config, store, manifest = preflight.check(config, dry_run=options.dry_run)
    if not options.dry_run:
        tell_running(config.report_dir, {"index": config.index})
    with plans_of(store, dry=options.dry_run) as plans:
        # Rows of a log that no plan names yet are garbage to who deletes that.
        with working(plans, f"log {config.log.name}", _PLANNING, out) as lease:
            fenced = FencedStore(plans, lease)
            job = Job(config, store, manifest, latest(plan_log(config, fenced), store))
            if options.redrive:
                job = Job(config, store, manifest, redriven(job, fenced))
        print_plan(job, out)
        estimate = expect(job, plans, remaining(job), out)
        if options.dry_run:
            return
    require_queries(job.log, store)
    phases = list(_work(job, out))
    gathered = gather(job, Path(config.report_dir))
    ended = Ended(seconds=time.monotonic() - began, phases=phases, estimate=estimate)
    report_results(job, gathered, ended, out)


def _work(job: Job, out: TextIO) -> Iterator[PhaseResult]:
    """Runs what is still to do; Ray starts only where there is something."""
    config = job.config
    if not any(remaining(job).values()):
        out.write("       nothing to do: every query is answered under this budget already\n")
        return
    require_answer(config.ray)
    with cluster(config.ray) as grows:
        preflight.require_cluster(config, out, grows=grows)
        yield from flow.run_phases(
            phases_of(job), job.log.plan, job.store, config.index, config.estimate, out
        )


def phases_of(job: Job) -> tuple[Phase, ...]:
    """The flow of a job: reason (or look, where no ECR is read), embed, rerank."""
    phases = [_reason(job)]
    if job.retrieves:
        phases.append(_embed(job))
    return (*phases, _rerank_phase(job))


def _reason(job: Job) -> Phase:
    config, engine = job.config, job.config.reasoner.engine
    name, stage = ("reason", ReasonQueries) if job.thinks else ("look", LookAtQueries)
    work = ReasonWork(index=config.index, root=job.store.root, prefix=job.ecr_prefix,
                      recipe=job.recipe, reasoner=config.reasoner, limits=config.media)  # fmt: skip
    return Phase(name=name, stage=stage, work=work, prefix=job.ecr_prefix,
                 pool=engine_pool(engine, config.ray), engine=engine,
                 made=job.made[name])  # fmt: skip


def _embed(job: Job) -> Phase:
    config, engine = job.config, job.config.embedder.engine
    work = EmbedQueriesWork(index=config.index, root=job.store.root, ecr_prefix=job.ecr_prefix,
                            prefix=job.vector_prefix, recipe=job.vectors, items=job.recipe,
                            embedder=config.embedder, limits=config.media)  # fmt: skip
    return Phase(name="embed", stage=EmbedQueries, work=work, prefix=job.vector_prefix,
                 pool=engine_pool(engine, config.ray), engine=engine,
                 made=job.made["embed"])  # fmt: skip


def _rerank_phase(job: Job) -> Phase:
    config, engine = job.config, job.config.replica
    sources = Sources(ecr_prefix=job.ecr_prefix,
                      vector_prefix=job.vector_prefix if job.retrieves else "",
                      recipe=job.recipe, vectors=job.vectors, milvus=config.milvus,
                      collection=job.manifest.collection, retrieve=config.cascade.retrieve,
                      max_text_chars=config.media.max_text_chars)  # fmt: skip
    work = RerankWork(index=config.index, root=job.store.root, prefix=job.prefix,
                      corpus=job.manifest.corpus, recipe=job.recipe, sources=sources,
                      limits=config.media, cascade=config.cascade, policy=job.policy,
                      budget=config.budget, judge=config.judge, rewriter=config.rewriter,
                      judge_version=job.judge_version, rewriter_version=job.rewriter_version,
                      before=before(job))  # fmt: skip
    return Phase(name="rerank", stage=RerankShards, work=work, prefix=job.prefix,
                 pool=engine_pool(engine, config.ray), engine=engine,
                 made=job.made["rerank"])  # fmt: skip
