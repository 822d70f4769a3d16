"""The files of an evaluation: results.json, a table, values of every query, a figure's points, a
page; for MMEB-V2 the scores in the form of the public score files."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tte2_ray.cascade.ledger import STAGES
from tte2_ray.media import MediaLimits
from tte2_ray.pipelines.evaluate.benchmark import Benchmark
from tte2_ray.pipelines.evaluate.measured import KINDS, Measured
from tte2_ray.pipelines.evaluate.report import Example, evaluate_report
from tte2_ray.pipelines.evaluate.results import FILES, Evaluated
from tte2_ray.pipelines.evaluate.table import as_csv
from tte2_ray.pipelines.outcome import REPORT, RESULTS, write_whole
from tte2_ray.pipelines.page.shown import pictures

if TYPE_CHECKING:
    import pyarrow as pa

PUBLIC_MEASURES: Mapping[str, str] = {"Success@1": "hit@1", "nDCG@5": "ndcg_linear@5"}
"""What the public code of MMEB-V2 calls them."""
NO_BUDGET = -1


def write_outputs(
    folder: Path,
    evaluated: Evaluated,
    described: Mapping[str, Any],
    examples: Sequence[Example],
    limits: MediaLimits,
) -> None:
    """Writes everything; results.json last but for the page that is made of it.

    Args:
        folder: there already.
        evaluated: what was measured.
        described: results.json.
        examples: that the page shows.
        limits: under which media are decoded for it.
    """
    write_whole(folder / FILES["table"], as_csv(described["tasks"], described["groups"]))
    write_whole(folder / FILES["figure"], figure_csv(described))
    write_per_query(folder / FILES["per_query"], evaluated)
    if evaluated.benchmark.name == "mmeb-v2":
        (folder / "published").mkdir(exist_ok=True)
        for name, one in evaluated.measured.items():
            scores = json.dumps(published(evaluated.benchmark, one), indent=4)
            write_whole(folder / "published" / f"{name}.json", scores)
    write_whole(folder / RESULTS, json.dumps(described, indent=2, ensure_ascii=False))
    page = evaluate_report(described, examples, picture=pictures(limits))
    write_whole(folder / REPORT, page)


def figure_csv(described: Mapping[str, Any]) -> str:
    """The points of the figure: quality against tokens of the mean query, with intervals.

    Args:
        described: results.json.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = ("tokens", "tokens_low", "tokens_high", "quality", "quality_low", "quality_high")
    writer.writerow(["series", "point", "parameters", *names])
    size = {row["name"]: row["parameters"] for row in described["systems"]}
    for row in described["systems"]:
        writer.writerow(["systems", row["label"], row["parameters"], *_point(row)])
    for row in described["sweep"]:
        writer.writerow([f"budgets: {row['kind']}", row["budget"], size.get(row["system"], 0),
                         *_point(row)])  # fmt: skip
    for row in described["policies"]:
        writer.writerow(["policies", row["name"], "", *_point(row)])
    return out.getvalue()


def published(benchmark: Benchmark, one: Measured) -> dict[str, Any]:
    """A system's scores in the form of MMEB-V2's public score files.

    Args:
        benchmark: MMEB-V2, or some tasks of it.
        one: the system.
    """
    metrics: dict[str, dict[str, Any]] = {}
    for task in benchmark.tasks:
        score = float(one.values[task.name].mean())
        count = len(task.queries)
        metrics.setdefault(task.modality, {})[task.name] = {
            PUBLIC_MEASURES[task.measure]: score, "num_pred": count, "num_data": count,
        }  # fmt: skip
    return {"metadata": {"model_name": one.system}, "metrics": metrics}


def per_query_schema() -> "pa.Schema":
    """Rows of per-query.parquet: what every query is worth under every system, and what it cost."""
    import pyarrow as pa

    from tte2_ray.schema.items import versioned

    tokens = [(f"{stage}_{kind}", pa.int64()) for stage in STAGES for kind in KINDS]
    return versioned(
        "per_query",
        [
            ("series", pa.string()),  # systems, sweep, policies
            ("system", pa.string()),
            ("budget", pa.int64()),  # tokens, of a sweep; -1 otherwise
            ("task", pa.string()),
            ("query_id", pa.string()),
            ("measure", pa.string()),
            ("value", pa.float64()),
            ("top1", pa.float64()),
            ("top10", pa.float64()),
            *tokens,
        ],
    )


def write_per_query(path: Path, evaluated: Evaluated) -> None:
    """Writes the values of all queries, a row group a run.

    Args:
        path: of the Parquet file.
        evaluated: all runs.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    draft = path.with_name(f".{path.name}")
    schema = per_query_schema()
    with pq.ParquetWriter(draft, schema, compression="zstd") as writer:
        for series, name, one in _all_runs(evaluated):
            columns = _columns(evaluated.benchmark, series, name, one)
            writer.write_table(pa.table(columns, schema=schema))
    draft.replace(path)


def _all_runs(evaluated: Evaluated) -> Iterator[tuple[str, str, Measured]]:
    yield from (("systems", name, one) for name, one in evaluated.measured.items())
    yield from (("sweep", one.system, one) for one in evaluated.sweep)
    yield from (("policies", each.name, each.measured) for each in evaluated.policies)


def _columns(benchmark: Benchmark, series: str, name: str, one: Measured) -> dict[str, Any]:
    import numpy as np

    tasks = benchmark.tasks
    ids = [query for task in tasks for query in task.ids]
    budget = NO_BUDGET if one.budget is None else one.budget
    columns: dict[str, Any] = {
        "series": [series] * len(ids),
        "system": [name] * len(ids),
        "budget": [budget] * len(ids),
        "task": [task.name for task in tasks for _ in task.ids],
        "query_id": ids,
        "measure": [task.measure for task in tasks for _ in task.ids],
    }
    for column, by_task in (("value", one.values), ("top1", one.top1), ("top10", one.top10)):
        columns[column] = np.concatenate([by_task[task.name] for task in tasks])
    for s, stage in enumerate(STAGES):
        for k, kind in enumerate(KINDS):
            columns[f"{stage}_{kind}"] = one.tokens_QSK[:, s, k]
    return columns


def _point(row: Mapping[str, Any]) -> list[str]:
    parts = ("value", "low", "high")
    tokens, quality = row["tokens_per_query"], row["quality"]
    return [*(f"{tokens[part]:.2f}" for part in parts), *(f"{quality[part]:.5f}" for part in parts)]
