"""What an operator is left with: a closing table, results.json and report.html, here and in the
store beside the tables of the run."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from tte2_ray.errors import PartialFailure
from tte2_ray.pipelines.flow import PhaseResult
from tte2_ray.pipelines.outcome import REPORT, RESULTS, ended, write_whole
from tte2_ray.pipelines.prices import dollars
from tte2_ray.pipelines.progress import duration
from tte2_ray.pipelines.rerank.expect import Estimate
from tte2_ray.pipelines.rerank.files import FILES
from tte2_ray.pipelines.rerank.outputs import Gathered, as_spent
from tte2_ray.pipelines.rerank.plan import budget_in_words
from tte2_ray.pipelines.rerank.target import Job
from tte2_ray.stages.outcomes import REFUSED

_MEND = "see the dead letters, mend the queries and run again (with --redrive, but for stage read)"
_LET_JUDGE = (
    "see `refused` in judgements.parquet; for over_price raise cascade.pricing, for "
    "context_overflow judge.engine.max_model_len; once the rest can be read, run with --redrive"
)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """One run of the job."""

    seconds: float
    """Wall time, the start of Ray included."""
    phases: list[PhaseResult] = field(default_factory=list)
    """Empty where there was nothing to do."""
    estimate: Estimate | None = None
    """What was expected before the phases ran."""


def report_results(job: Job, found: Gathered, run: Ended, out: TextIO) -> None:
    """Prints the closing table, writes results.json and report.html, puts all into the store.

    Args:
        job: that was run.
        found: sums over its answers, whose files lie in the folder of the report.
        run: what this run did.
        out: a terminal or a log.

    Raises:
        PartialFailure: more queries were rejected, or had every judgement refused, than the failure
            budget allows, or all were rejected.
    """
    from tte2_ray.pipelines.rerank.page import write_page

    failure = _failure(job, found)
    described = as_json(job, found, run, failure)
    folder = Path(job.config.report_dir)
    page = write_page(job, found, described)
    write_whole(folder / RESULTS, json.dumps(described, indent=2, ensure_ascii=False))
    write_whole(folder / REPORT, page)
    for name in (*FILES, RESULTS, REPORT):
        job.store.put_file(f"{job.folder}/{name}", folder / name)
    _print(job, described, out)
    if failure:
        raise failure


def as_json(
    job: Job, found: Gathered, run: Ended, failure: PartialFailure | None
) -> dict[str, Any]:
    """results.json."""
    config, manifest = job.config, job.manifest
    return {
        **ended(failure),
        "run": job.run,
        "index": config.index,
        "version": manifest.version,
        "collection": manifest.collection,
        "log": {"path": config.log.path, "digest": job.log.digest, "run": config.log.run},
        "queries": {"distinct": job.log.plan.rows, **found.as_dict()},
        "steps": dict(found.steps),
        "budget": _budget(job, found),
        "spent": as_spent(found.spent),
        "kept": {"rewrites": found.notes["kept:rewrite"], "judgements": found.notes["kept:judge"]},
        "refusals": _refusals(found),
        "unjudged": found.unjudged,
        "missing_candidates": found.missing,
        "offline_ecr_tokens": {
            "prompt": manifest.tokens.get("prompt_tokens", 0),
            "output": manifest.tokens.get("output_tokens", 0),
        },
        "phases": [phase.as_dict() | {"rows": phase.counts.rows} for phase in run.phases],
        "seconds": run.seconds,
        "usd": sum(phase.usd for phase in run.phases),
        "estimate": run.estimate.as_dict() if run.estimate else None,
        "rejected_by_class": dict(found.classes.most_common()),
        "dead_letters": _dead_letters(job, found),
        "models": {
            "reasoner": config.reasoner.engine.model,
            "embedder": config.embedder.engine.model,
            "judge": config.judge.engine.model,
            "rewriter": config.rewriter.engine.model if job.rewrites else "",
        },
        "versions": {"judge": job.judge_version, "rewriter": job.rewriter_version},
        "fingerprints": {
            "ecr": manifest.ecr_fingerprint,
            "embedding": manifest.embedding_fingerprint,
            "query_ecr": job.query_recipe.fingerprint,
            "reranking": job.fingerprint,
        },
        "policy": {"name": job.policy.name, "version": job.policy.fingerprint},
        "notes": config.report_note,
    }


def _budget(job: Job, found: Gathered) -> dict[str, Any]:
    """The promise, and what was spent: over distinct queries, since repeats cost nothing."""
    budget = job.config.budget
    kinds = ("tokens_per_query", "mean_tokens_per_query")
    kind = next((name for name in kinds if getattr(budget, name) is not None), "none")
    tokens = getattr(budget, kind, None)
    return {
        "kind": kind,
        "tokens": tokens,
        "spent": found.reranking,
        "allowed": None if tokens is None else tokens * found.distinct,
    }


def _refusals(found: Gathered) -> dict[str, int]:
    named = {n: count for n, count in found.notes.items() if n.startswith((REFUSED, "rewrite:"))}
    return dict(sorted(named.items()))


def _dead_letters(job: Job, found: Gathered) -> list[str]:
    read = [job.log.plan.dead_letters[0].rpartition("/")[0]] if job.log.plan.dead_letters else []
    later = found.outcomes["rejected"] > job.log.plan.rejected
    return read + ([job.dead_letter_prefix] if later else [])


def _failure(job: Job, found: Gathered) -> PartialFailure | None:
    rows, budget = found.as_dict(), job.config.failure_budget
    failed = rows["rejected"] + found.unjudged
    good = rows["in"] - rows["rejected"]
    if good and failed / max(1, rows["in"]) <= budget:
        return None
    worst = _by_count(found.classes)
    if not good:
        return PartialFailure(f"all {rows['in']} queries were rejected: {worst}; {_MEND}")
    causes = (
        (rows["rejected"], "rejected", f"{worst}; {_MEND}"),
        (
            found.unjudged,
            "had every judgement refused",
            f"{_by_count(found.refused)}; {_LET_JUDGE}",
        ),
    )
    told = [
        f"{count} of {rows['in']} queries {what} ({count / rows['in']:.1%}): {why}"
        for count, what, why in causes
        if count
    ]
    return PartialFailure(f"{'. '.join(told)}. The failure budget is {budget:.1%} (failure_budget)")


def _by_count(classes: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in classes.most_common())


def _print(job: Job, described: dict[str, Any], out: TextIO) -> None:
    out.writelines(f"{line}\n" for line in _lines(job, described))
    out.flush()


def _lines(job: Job, described: dict[str, Any]) -> Iterator[str]:
    rows, budget = described["queries"], described["budget"]
    yield (
        f"rows   {rows['in']:,} queries in = {rows['answered']:,} answered + "
        f"{rows['degraded']:,} degraded + {rows['rejected']:,} rejected "
        f"({rows['distinct']:,} distinct)"
    )
    for name, count in described["rejected_by_class"].items():
        yield f"       {count:,} × {name}"
    for name, count in described["refusals"].items():
        if name.startswith(REFUSED):
            yield f"       {count:,} × {name.replace(':', ' ')}"
    if described["unjudged"]:
        yield f"       every judgement refused: {described['unjudged']:,} queries"
    steps = " · ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in described["steps"].items())
    yield f"steps  {steps or 'none'}"
    allowed = "" if budget["allowed"] is None else f" of {budget['allowed']:,} allowed"
    yield f"spent  {budget['spent']:,} tokens of reranking{allowed} ({budget_in_words(job.config)})"
    for letters in described["dead_letters"]:
        yield f"       dead letters: {job.store.uri(letters)}"
    yield f"took   {duration(described['seconds'])}, {dollars(described['usd'])}"
    yield f"run    {job.store.uri(job.folder)}"
    yield f"report {Path(job.config.report_dir) / REPORT}"
