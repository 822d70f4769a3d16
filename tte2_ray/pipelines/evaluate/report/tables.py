"""The tables of the page: tasks with the systems side by side, and a mark wherever a later stage is
worse than the one before it; the first ranks by type of task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tte2_ray.pipelines.evaluate.report.systems import Look

Worse = Literal["", "worse", "clearly worse"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One system on one task."""

    estimate: Mapping[str, Any] | None
    """None: it was not measured there."""
    worse: Worse = ""
    than: str = ""
    """Label of the system before it."""


@dataclass(frozen=True, kw_only=True)
class TaskRow:
    """A task, with a cell for each system."""

    name: str
    about: str
    """Measure, pool, and how many queries."""
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class TaskGroup:
    """Tasks of one type."""

    name: str
    rows: tuple[TaskRow, ...]


@dataclass(frozen=True, kw_only=True)
class Warned:
    """A task on which a later stage is worse than the one before."""

    task: str
    before: str
    after: str
    difference: Mapping[str, Any]
    is_clear: bool


@dataclass(frozen=True, kw_only=True)
class Step:
    """A paired comparison of two systems."""

    before: str
    after: str
    difference: Mapping[str, Any]
    queries: int
    is_stage: bool
    """The second comes after the first in the cascade, and should be better."""


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """A system's shares of right answers at rank 1 and within the first 10, as widths."""

    look: Look
    top1: Mapping[str, Any]
    top10: Mapping[str, Any]
    span: tuple[float, float] | None
    """Where the interval of `top1` begins, and how wide it is, in per cent."""


@dataclass(frozen=True, kw_only=True)
class TypeRanks:
    """Of one type of task."""

    name: str
    queries: int
    systems: tuple[Ranks, ...]


def task_groups(results: Mapping[str, Any], by_name: Mapping[str, Look]) -> tuple[TaskGroup, ...]:
    """Tasks by modality and type, in the order of results.json.

    Args:
        results: of the evaluation.
        by_name: the systems.
    """
    worse = {(one["task"], one["after"]): one for one in results.get("warnings") or []}
    groups: dict[str, list[TaskRow]] = {}
    for task in results["tasks"]:
        cells = tuple(_cell(task, name, worse, by_name) for name in by_name)
        pool = "own candidates" if task["pool"] == "query" else "whole index"
        about = f"{task['measure']}, {pool}, {task['queries']:,} queries"
        kind = " · ".join(part for part in (task.get("modality"), task["type"]) if part)
        groups.setdefault(kind, []).append(TaskRow(name=task["name"], about=about, cells=cells))
    return tuple(TaskGroup(name=name, rows=tuple(rows)) for name, rows in groups.items())


def warned(results: Mapping[str, Any], by_name: Mapping[str, Look]) -> tuple[Warned, ...]:
    """Every warning, clear ones and large ones first.

    Args:
        results: of the evaluation.
        by_name: the systems.
    """
    found = [
        Warned(task=one["task"], before=label(by_name, one["before"]),
               after=label(by_name, one["after"]), difference=one["difference"],
               is_clear=one["clear"])
        for one in results.get("warnings") or []
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (not one.is_clear, one.difference["value"])))


def steps(results: Mapping[str, Any], by_name: Mapping[str, Look]) -> tuple[Step, ...]:
    """From system to system, paired, mean over tasks.

    Args:
        results: of the evaluation.
        by_name: the systems.
    """
    comes_after = {system["name"]: system["after"] for system in results["systems"]}
    return tuple(
        Step(before=label(by_name, one["before"]), after=label(by_name, one["after"]),
             difference=one["difference"], queries=one["queries"],
             is_stage=comes_after.get(one["after"]) == one["before"])
        for one in results.get("steps") or []
    )  # fmt: skip


def first_ranks(results: Mapping[str, Any], by_name: Mapping[str, Look]) -> tuple[TypeRanks, ...]:
    """Top-1 against top-10, by type of task.

    Args:
        results: of the evaluation.
        by_name: the systems.
    """
    return tuple(
        TypeRanks(
            name=row["type"],
            queries=row["queries"],
            systems=tuple(_ranks(look, row["values"][name]) for name, look in by_name.items()
                          if name in row["values"]),
        )
        for row in results.get("top") or []
    )  # fmt: skip


def label(by_name: Mapping[str, Look], name: str) -> str:
    """How a system is called on the page."""
    return by_name[name].label if name in by_name else name


def rising(estimates: Sequence[Mapping[str, Any] | None]) -> bool:
    """Whether no paired change is clearly below zero."""
    return not any(one and one.get("high") is not None and one["high"] < 0 for one in estimates)


def _cell(
    task: Mapping[str, Any],
    name: str,
    worse: Mapping[tuple[str, str], Mapping[str, Any]],
    by_name: Mapping[str, Look],
) -> Cell:
    found = worse.get((task["name"], name))
    if found is None:
        return Cell(estimate=task["values"].get(name))
    return Cell(
        estimate=task["values"].get(name),
        worse="clearly worse" if found["clear"] else "worse",
        than=label(by_name, found["before"]),
    )


def _ranks(look: Look, shares: Mapping[str, Mapping[str, Any]]) -> Ranks:
    low, high = shares["top1"].get("low"), shares["top1"].get("high")
    span = None if low is None or high is None else (100 * low, 100 * (high - low))
    return Ranks(look=look, top1=shares["top1"], top10=shares["top10"], span=span)
