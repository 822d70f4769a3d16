"""Evaluate systems on a benchmark.

    benchmark ─ index once an embedder ─▶ indexes ─ rerank once a system ─▶ runs ─ measure ─▶ page
                                                  └ rerank once a budget ─▶ runs ┘

With `calibrate.out` the benchmark holds dev queries, and a policy is made of them instead. The jobs
resume by themselves: running the same command again measures what is there, and does what is not.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tte2_ray.config import Loaded, Options
from tte2_ray.pipelines.cluster import cluster, joins
from tte2_ray.pipelines.evaluate import preflight
from tte2_ray.pipelines.evaluate.config import EvaluateConfig
from tte2_ray.pipelines.evaluate.dev import make_policy
from tte2_ray.pipelines.evaluate.examples import Corpus, Side, examples
from tte2_ray.pipelines.evaluate.measuring import Files, evaluated
from tte2_ray.pipelines.evaluate.outputs import write_outputs
from tte2_ray.pipelines.evaluate.plan import print_plan, works
from tte2_ray.pipelines.evaluate.report import Example
from tte2_ray.pipelines.evaluate.results import Evaluated
from tte2_ray.pipelines.evaluate.runs import Indexed, Runs
from tte2_ray.pipelines.evaluate.systems import SYSTEMS
from tte2_ray.pipelines.evaluate.table import as_text
from tte2_ray.pipelines.folders import with_home_folders
from tte2_ray.pipelines.outcome import ended, outcome_told, tell_running


def evaluate(loaded: Loaded[EvaluateConfig], options: Options, out: TextIO = sys.stdout) -> None:
    """Runs the job to its end.

    Args:
        loaded: the configuration.
        options: --dry-run stops after the plan.
        out: where progress goes.

    Raises:
        ConfigError, PrerequisiteError, ResourceMissingError: found before anything is run, but for
            what the jobs find themselves.
        ValidationError: the benchmark cannot be measured on, or queries were lost.
        PartialFailure, RuntimeFailure: a job failed.
    """
    config = with_home_folders(loaded.config)
    named = {"benchmark": config.benchmark.kind}
    with outcome_told(config.report_dir, named, dry_run=options.dry_run):
        _evaluate(config, options, out)


def _evaluate(config: EvaluateConfig, options: Options, out: TextIO) -> None:
    began = time.monotonic()
    preflight.check(config, options)
    benchmark = preflight.read_benchmark(config)
    print_plan(config, benchmark, out)
    if options.dry_run:
        return
    Path(config.report_dir).mkdir(parents=True, exist_ok=True)
    tell_running(config.report_dir, {"benchmark": config.benchmark.kind})
    runs = Runs(config, benchmark, out)
    with _one_ray(config):
        if config.calibrate.out:
            make_policy(config, benchmark, runs, out)
            return
        indexed = {corpus: _index(config, runs, corpus) for corpus in benchmark.corpora}
        files = {
            work.name: runs.rerank(work.name, work.cascade, work.budget, direct=work.direct)
            for work in works(config)
        }
    found = evaluated(config, benchmark, indexed, files)
    _report(config, found, files, runs, time.monotonic() - began, out)


def _index(config: EvaluateConfig, runs: Runs, corpus: str) -> Indexed:
    """Both indexes of a corpus; what is told of the one with ECRs, if any system searches it."""
    wanted = sorted({system.direct for system in config.chosen()}, reverse=True)
    return [runs.index(corpus, direct=direct) for direct in wanted][-1]


@contextmanager
def _one_ray(config: EvaluateConfig) -> Iterator[None]:
    """One Ray for all jobs, where one is started here; a cluster is joined by each job itself, so
    that it may grow for it."""
    if joins(config.ray):
        yield
        return
    with cluster(config.ray):
        yield


def _report(
    config: EvaluateConfig,
    found: Evaluated,
    files: Files,
    runs: Runs,
    seconds: float,
    out: TextIO,
) -> None:
    described = {**ended(None), **found.as_json(seconds)}
    shown = _examples(config, found, files, runs)
    write_outputs(Path(config.report_dir), found, described, shown, config.media)
    labels = {name: SYSTEMS[name].label for name in found.measured}
    _, worse = found.stages()
    out.write(as_text(described["tasks"], described["groups"], labels, worse) + "\n")
    out.write(f"report {Path(config.report_dir) / 'report.html'}\n")
    out.flush()


def _examples(config: EvaluateConfig, found: Evaluated, files: Files, runs: Runs) -> list[Example]:
    """Of the last stage that was measured with the one before it."""
    pairs = [(s.after, s.name) for s in SYSTEMS.values() if s.judges and s.after]
    chosen = [pair for pair in reversed(pairs) if set(pair) <= set(found.measured)]
    corpora = {corpus: _corpus(runs, corpus) for corpus in found.benchmark.corpora}
    for before, after in chosen:
        shown = examples(found.benchmark, _side(before, found, files), _side(after, found, files),
                         corpora, config.examples)  # fmt: skip
        if shown:
            return shown
    return []


def _side(name: str, found: Evaluated, files: Files) -> Side:
    return Side(measured=found.measured[name], files=files[name])


def _corpus(runs: Runs, corpus: str) -> Corpus:
    return lambda wanted: runs.shown(corpus, wanted)
