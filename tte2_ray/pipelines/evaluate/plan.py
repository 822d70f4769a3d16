"""What an evaluation runs, in order."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TextIO

from tte2_ray.cascade import BudgetConfig, CascadeConfig, load_policy
from tte2_ray.cascade.policy import NEVER
from tte2_ray.errors import ConfigError
from tte2_ray.pipelines.evaluate.benchmark import Benchmark
from tte2_ray.pipelines.evaluate.config import EvaluateConfig
from tte2_ray.pipelines.evaluate.systems import FULL, SYSTEMS, System, in_order_of_work


@dataclass(frozen=True, kw_only=True)
class Work:
    """One rerank job a corpus."""

    name: str
    system: System
    cascade: CascadeConfig
    budget: BudgetConfig
    swept: int | None = None
    """Tokens, of the sweep."""
    fixed: str = ""
    """`<judge>x<rewrite>`, held against the policy; "" for none."""

    @property
    def direct(self) -> bool:
        """Whether the indexes without ECRs are searched."""
        return self.system.direct


def works(config: EvaluateConfig) -> list[Work]:
    """All rerank jobs of an evaluation: those that ask most first, since answers are kept.

    Args:
        config: of the evaluation.

    Raises:
        ConfigError, ResourceMissingError: the policy cannot be read.
    """
    found: list[Work] = []
    for system in in_order_of_work(config.chosen()):
        cascade = system.cascade(config.cascade)
        budget = config.budget if system.rewrites else BudgetConfig()
        found.append(Work(name=system.name, system=system, cascade=cascade, budget=budget))
        if system.name == FULL:
            found += _fixed(config)
            found += _sweep(config, cascade)
    return found


def _fixed(config: EvaluateConfig) -> Iterator[Work]:
    if not config.cascade.policy:
        return
    for judge, rewrite in fixed_numbers(config):
        retrieve = max(config.cascade.retrieve, judge)
        cascade = replace(config.cascade, policy="", retrieve=retrieve, judge=judge,
                          rewrite=rewrite, stop_margin=NEVER)  # fmt: skip
        numbers = f"{judge}x{rewrite}"
        yield Work(name=f"fixed-{numbers}", system=SYSTEMS[FULL], cascade=cascade,
                   budget=BudgetConfig(), fixed=numbers)  # fmt: skip


def fixed_numbers(config: EvaluateConfig) -> list[tuple[int, int]]:
    """What a policy is held against: as configured, or as it was when it was calibrated.

    Args:
        config: with a policy.

    Raises:
        ConfigError: the policy does not say, and neither does the configuration.
    """
    if config.policies.fixed:
        return config.policies.numbers()
    told = load_policy(config.cascade.policy).made_of.get("fixed")
    if not isinstance(told, dict) or not {"judge", "rewrite"} <= told.keys():
        raise ConfigError(
            f"the policy {config.cascade.policy} does not say what fixed numbers it was held "
            "against: name some, policies.fixed=[10x3]"
        )
    return [(int(told["judge"]), int(told["rewrite"]))]


def _sweep(config: EvaluateConfig, cascade: CascadeConfig) -> Iterator[Work]:
    for tokens in sorted(set(config.sweep.budgets), reverse=True):
        yield Work(name=f"{config.sweep.kind}-{tokens}", system=SYSTEMS[FULL], cascade=cascade,
                   budget=config.sweep.budget(tokens), swept=tokens)  # fmt: skip


def print_plan(config: EvaluateConfig, benchmark: Benchmark, out: TextIO) -> None:
    """The plan: tasks, queries, and what is run over them.

    Args:
        config: of the evaluation.
        benchmark: that it is on.
        out: a terminal or a log.
    """
    queries = sum(len(task.queries) for task in benchmark.tasks)
    out.write(f"plan   {benchmark.name} in {benchmark.folder}: {len(benchmark.tasks)} tasks, "
              f"{queries:,} queries, {len(benchmark.corpora)} corpora\n")  # fmt: skip
    for task in benchmark.tasks:
        out.write(f"       {task.name}: {len(task.queries):,} queries, {task.measure}, pool of "
                  f"the {task.pool}\n")  # fmt: skip
    if config.calibrate.out:
        out.write(f"       to calibrate a policy: {config.calibrate.out}\n")
    else:
        names = ", ".join(work.name for work in works(config))
        out.write(f"       to run over each corpus: {names}\n")
    out.flush()
