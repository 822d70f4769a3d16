"""The per-task table: systems side by side, means as published tables have them, warnings."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from tte2_ray.metrics import Estimate, mean_of_means
from tte2_ray.pipelines.evaluate.benchmark import FULL_SIZE, Benchmark
from tte2_ray.pipelines.evaluate.compare import MEAN, Comparison
from tte2_ray.pipelines.evaluate.measured import Measured

_HEADS = ("task", "modality", "type", "pool", "measure", "queries")


def estimate(found: Estimate) -> dict[str, Any]:
    """An estimate in results.json."""
    return {"value": found.value, "low": found.low, "high": found.high, "n": found.n}


def task_rows(benchmark: Benchmark, measured: Mapping[str, Measured]) -> list[dict[str, Any]]:
    """A row for each task: what it is, and the value of every system.

    Args:
        benchmark: of the tasks.
        measured: by system.
    """
    return [
        {
            "name": task.name,
            "type": task.type,
            "modality": task.modality,
            "measure": task.measure,
            "pool": task.pool,
            "queries": len(task.queries),
            "values": {name: estimate(mean_of_means([one.values[task.name]]))
                       for name, one in measured.items()},
        }
        for task in benchmark.tasks
    ]  # fmt: skip


def group_rows(benchmark: Benchmark, measured: Mapping[str, Measured]) -> list[dict[str, Any]]:
    """The plain means over tasks that published tables have: of each modality, and of all."""
    full = FULL_SIZE if benchmark.name == "mmeb-v2" else {}
    return [
        {
            "name": group,
            "tasks": len(tasks),
            "of": full.get(group),
            "values": {name: estimate(mean_of_means([one.values[task] for task in tasks]))
                       for name, one in measured.items()},
        }
        for group, tasks in benchmark.groups().items()
    ]  # fmt: skip


def top_rows(benchmark: Benchmark, measured: Mapping[str, Measured]) -> list[dict[str, Any]]:
    """How often the first item answers, and how often one of the first ten, by type of task."""
    by_type: dict[str, list[str]] = {}
    for task in benchmark.tasks:
        by_type.setdefault(task.type, []).append(task.name)
    return [
        {
            "type": kind,
            "queries": sum(len(t.queries) for t in benchmark.tasks if t.name in tasks),
            "values": {
                name: {
                    "top1": estimate(mean_of_means([one.top1[task] for task in tasks])),
                    "top10": estimate(mean_of_means([one.top10[task] for task in tasks])),
                }
                for name, one in measured.items()
            },
        }
        for kind, tasks in by_type.items()
    ]


def as_csv(tasks: Sequence[Mapping[str, Any]], groups: Sequence[Mapping[str, Any]]) -> str:
    """The table for a spreadsheet: a line a task, then the means; shares, not percent.

    Args:
        tasks: see `task_rows`.
        groups: see `group_rows`.
    """
    systems = list(tasks[0]["values"])
    bounds = [f"{name}{part}" for name in systems for part in ("", "_low", "_high")]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*_HEADS, *bounds])
    for row in tasks:
        told = (row["name"], row["modality"], row["type"], row["pool"], row["measure"],
                row["queries"])  # fmt: skip
        writer.writerow([*told, *_cells(row["values"], systems)])
    for row in groups:
        told = (f"mean: {row['name']}", "", "", "", "", row["tasks"])
        writer.writerow([*told, *_cells(row["values"], systems)])
    return out.getvalue()


def as_text(
    tasks: Sequence[Mapping[str, Any]],
    groups: Sequence[Mapping[str, Any]],
    labels: Mapping[str, str],
    warnings: Sequence[Comparison],
) -> str:
    """The table as a terminal shows it, with a line for each warning.

    Args:
        tasks: see `task_rows`.
        groups: see `group_rows`.
        labels: of the systems, by name.
        warnings: where a later stage is worse.
    """
    systems = list(tasks[0]["values"])
    wide = max(len(row["name"]) for row in (*tasks, *groups)) + 8
    lines = [f"{'task':{wide}}{'measure':12}{'n':>7}"
             + "".join(f"{labels[name]:>{_width(labels[name])}}" for name in systems)]  # fmt: skip
    worse = {(one.scope, one.after) for one in warnings}
    for row in tasks:
        head = f"{row['name']:{wide}}{row['measure']:12}{row['queries']:7}"
        lines.append(head + _marked(row, row["name"], systems, labels, worse))
    for row in groups:
        of = f" of {row['of']}" if row["of"] and row["of"] != row["tasks"] else ""
        name = f"mean: {row['name']}{of}"
        head = f"{name:{wide}}{'':12}{row['tasks']:7}"
        scope = MEAN if row["name"] == "all" else ""
        lines.append(head + _marked(row, scope, systems, labels, worse))
    return "\n".join([*lines, *(warning(one, labels) for one in warnings)])


def warning(one: Comparison, labels: Mapping[str, str]) -> str:
    """A warning in a line.

    Args:
        one: where the later stage is worse.
        labels: of the systems, by name.
    """
    found = one.difference
    shown = "" if found.high < 0 else "; the interval holds 0, so it may be chance"
    return (
        f"WARNING {one.scope}: {labels[one.after]} is worse than {labels[one.before]} by "
        f"{-found.value:.3f} ({found.low:+.3f} to {found.high:+.3f}){shown}"
    )


def _cells(values: Mapping[str, Mapping[str, float]], systems: Sequence[str]) -> list[str]:
    return [f"{values[name][part]:.4f}" for name in systems for part in ("value", "low", "high")]


def _marked(
    row: Mapping[str, Any],
    scope: str,
    systems: Sequence[str],
    labels: Mapping[str, str],
    worse: set[tuple[str, str]],
) -> str:
    cells = []
    for name in systems:
        mark = "!" if (scope, name) in worse else " "
        value = f"{row['values'][name]['value']:.3f}{mark}"
        cells.append(f"{value:>{_width(labels[name])}}")
    return "".join(cells)


def _width(label: str) -> int:
    return max(len(label), 6) + 3
