"""A policy from dev queries: two runs that look at everything, then no engine any more.

rerank (judge all, rewrite all) ┐
rerank (judge all)              ┴▶ judgements ─ calibrate ─▶ policy.json
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from tte2_ray.cascade import BudgetConfig, dump_policy
from tte2_ray.cascade.policy import NEVER
from tte2_ray.pipelines.evaluate.benchmark import Benchmark
from tte2_ray.pipelines.evaluate.calibrate import (
    Calibrated,
    Looked,
    best_fixed,
    calibrate,
    read_looked,
)
from tte2_ray.pipelines.evaluate.calibrate.choose import Tried
from tte2_ray.pipelines.evaluate.config import EvaluateConfig
from tte2_ray.pipelines.evaluate.run_reader import Row, RunReader
from tte2_ray.pipelines.evaluate.runs import Runs
from tte2_ray.pipelines.outcome import RESULTS, ended, write_whole


def make_policy(config: EvaluateConfig, benchmark: Benchmark, runs: Runs, out: TextIO) -> None:
    """Calibrates a policy and writes its file.

    Args:
        config: with `calibrate.out`.
        benchmark: dev queries.
        runs: the jobs.
        out: where progress goes.
    """
    for corpus in benchmark.corpora:
        runs.index(corpus, direct=False)
    depth = min(config.cascade.retrieve, max(config.calibrate.judge))
    base = replace(config.cascade, policy="", judge=depth, rewrite=depth, stop_margin=NEVER)
    rewritten = runs.rerank("all-rewritten", base, BudgetConfig())
    judged = runs.rerank("all-judged", replace(base, rewrite=0), BudgetConfig())

    def looked(weight: float) -> dict[str, Looked]:
        found: dict[str, Looked] = {}
        for corpus in benchmark.corpora:
            found |= read_looked(_rows(judged[corpus], depth), _rows(rewritten[corpus], depth),
                                 fusion_weight=weight)  # fmt: skip
        return found

    made_of = {"benchmark": benchmark.name, "split": benchmark.split, "judged_at_most": depth,
               "fusion_weight": config.cascade.fusion_weight,
               **_models(next(iter(rewritten.values())))}  # fmt: skip
    found = calibrate(benchmark.tasks, looked(config.cascade.fusion_weight), config.calibrate,
                      name=config.calibrate.name, made_of=made_of)  # fmt: skip
    target = Path(config.calibrate.out).expanduser()
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, dump_policy(found.best.policy))
    fused = {weight: best_fixed(benchmark.tasks, looked(weight), config.calibrate)
             for weight in config.calibrate.fusion_weight}  # fmt: skip
    queries = sum(len(task.queries) for task in benchmark.tasks)
    _tell(config, found, fused, queries, out)


def _rows(files: RunReader, depth: int) -> Iterator[Row]:
    """The judgements of a run; of candidates behind the last that any policy judges, none."""
    for rows in files.judgements().values():
        yield from (row for row in rows if row["rank"] <= depth)


def _models(files: RunReader) -> dict[str, Any]:
    return {role: files.results["versions"][role] for role in ("judge", "rewriter")}


def _tell(
    config: EvaluateConfig,
    found: Calibrated,
    fused: Mapping[float, Tried],
    queries: int,
    out: TextIO,
) -> None:
    best, fixed = found.best, found.fixed
    told = {
        **ended(None),
        "policy": config.calibrate.out,
        "queries": queries,
        "calibrated": best.as_dict(),
        "fixed": {"name": fixed.policy.name, **fixed.as_dict()},
        "saved": found.saved,
        "fused": [
            {"fusion_weight": weight, "name": one.policy.name, **one.as_dict()}
            for weight, one in fused.items()
        ],
    }
    write_whole(Path(config.report_dir) / RESULTS, json.dumps(told, indent=2))
    out.write(
        f"policy {config.calibrate.out}: {best.tokens:,.0f} tokens of reranking a query at quality "
        f"{best.quality:.4f} on {queries:,} queries; the best fixed numbers ({fixed.policy.name}) "
        f"need {fixed.tokens:,.0f} at {fixed.quality:.4f}: {found.saved:.0%} saved\n"
    )
    for band in best.policy.bands:
        out.write(f"       from a margin of {band.least_margin}: judge {band.judge}, rewrite "
                  f"{band.rewrite}\n")  # fmt: skip
    for weight, one in fused.items():
        out.write(f"       with cascade.fusion_weight={weight}: quality {one.quality:.4f} by "
                  f"{one.policy.name}\n")  # fmt: skip
    out.flush()
