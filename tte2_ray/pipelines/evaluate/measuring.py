"""From what the jobs left to an evaluation: every run measured, every model told."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from tte2_ray.pipelines.config import engine_version
from tte2_ray.pipelines.evaluate.benchmark import Benchmark
from tte2_ray.pipelines.evaluate.config import EvaluateConfig
from tte2_ray.pipelines.evaluate.measured import Measured, measure
from tte2_ray.pipelines.evaluate.parameters import parameters
from tte2_ray.pipelines.evaluate.plan import Work, works
from tte2_ray.pipelines.evaluate.results import Evaluated, Policed, Told
from tte2_ray.pipelines.evaluate.run_reader import RunReader
from tte2_ray.pipelines.evaluate.runs import Indexed
from tte2_ray.pipelines.evaluate.systems import FULL, SYSTEMS, Role, System
from tte2_ray.pipelines.evaluate.took import Took, latencies

Files = Mapping[str, Mapping[str, RunReader]]
"""By name of the work, then by corpus."""


def evaluated(
    config: EvaluateConfig,
    benchmark: Benchmark,
    indexed: Mapping[str, Indexed],
    files: Files,
) -> Evaluated:
    """Measures every run.

    Args:
        config: of the evaluation.
        benchmark: queries and grades.
        indexed: by corpus.
        files: of all runs.

    Raises:
        ValidationError: queries were lost.
    """
    every = {work.name: (work, _measured(benchmark, work, files[work.name]))
             for work in works(config)}  # fmt: skip
    measured = {name: every[name][1] for name in SYSTEMS if name in every}
    return Evaluated(
        benchmark=benchmark,
        items=sum(each.items for each in indexed.values()),
        measured=measured,
        told=_told(config, benchmark, indexed, files, [every[name][0] for name in measured]),
        sweep=sorted((one for work, one in every.values() if work.swept is not None),
                     key=lambda one: one.budget or 0),
        sweep_kind=config.sweep.kind,
        policies=list(_policies(every)),
        models=_models(config),
    )  # fmt: skip


def _measured(benchmark: Benchmark, work: Work, files: Mapping[str, RunReader]) -> Measured:
    orders = {query: order for each in files.values() for query, order in each.orders().items()}
    steps: Counter[str] = Counter()
    for each in files.values():
        steps.update(each.steps)
    return measure(
        benchmark,
        work.system.name,
        orders,
        chain.from_iterable(each.ledger() for each in files.values()),
        budget=work.swept,
        steps=steps,
        rejected=sum(each.rejected for each in files.values()),
    )


def _policies(every: Mapping[str, tuple[Work, Measured]]) -> Iterator[Policed]:
    fixed = [(work, one) for work, one in every.values() if work.fixed]
    for work, one in fixed:
        yield Policed(name=f"fixed {work.fixed}", measured=one, fixed=True)
    if fixed:
        work, one = every[FULL]
        yield Policed(name="calibrated", measured=one, fixed=False)


def _told(
    config: EvaluateConfig,
    benchmark: Benchmark,
    indexed: Mapping[str, Indexed],
    files: Files,
    chosen: list[Work],
) -> dict[str, Told]:
    took = Took(Path(config.work_dir) / "took.json")
    taken = {}
    for work in chosen:
        for each in files[work.name].values():
            took.record(each.folder, each.results)
        taken[work.name] = took.of(_folders(files[work.name]))
    waited = {
        work.name: {stage: [s for each in files[work.name].values() for s in each.seconds(stage)]
                    for stage in ("judge", "rewrite")}
        for work in chosen
    }  # fmt: skip
    slow = latencies({work.name: work.system for work in chosen}, taken, waited)
    return {
        work.name: Told(
            system=work.system,
            parameters=_size(config, work.system),
            budget=_budget(work),
            runs=_folders(files[work.name]),
            latency_s=slow[work.name],
            offline_ecr={} if work.direct else _offline(benchmark, indexed),
        )
        for work in chosen
    }


def _folders(files: Mapping[str, RunReader]) -> tuple[str, ...]:
    return tuple(each.folder for each in files.values())


def _budget(work: Work) -> dict[str, Any]:
    for kind in ("tokens_per_query", "mean_tokens_per_query"):
        if (tokens := getattr(work.budget, kind)) is not None:
            return {"kind": kind, "tokens": tokens}
    return {"kind": "none", "tokens": None}


def _offline(benchmark: Benchmark, indexed: Mapping[str, Indexed]) -> dict[str, float]:
    queries = sum(len(task.queries) for task in benchmark.tasks)
    return {
        "prompt": sum(each.ecr_prompt for each in indexed.values()) / queries,
        "output": sum(each.ecr_output for each in indexed.values()) / queries,
    }


def _size(config: EvaluateConfig, system: System) -> int:
    """Of the models at work online, each once; 0 where one of them is not known."""
    engines = {(e.model, e.lora): e for e in map(config.engine_of, system.roles)}
    sizes = [parameters(engine) for engine in engines.values()]
    return sum(sizes) if all(sizes) else 0


def _models(config: EvaluateConfig) -> dict[str, dict[str, Any]]:
    roles: dict[Role, None] = {}
    for system in config.chosen():
        roles |= dict.fromkeys(system.roles)
    engines = {role: config.engine_of(role) for role in roles}
    return {
        role: {
            "name": "fake" if engine.kind == "fake" else engine.model,
            "version": engine_version(engine),
            "parameters": parameters(engine),
        }
        for role, engine in engines.items()
    }
