"""The driver of a job of many rows: what memory it takes, and what a row costs around the engine.

The real job on fake engines, once with few rows and once with many, each in a fresh process, with
the embedded Milvus server and one replica of each engine. Twice the replicas halve the wall time
but not the cost of a row.
"""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tools.shown import Row
from tte2_ray.engines import EmbedderConfig, EngineConfig, ModelInput, ReasonerConfig
from tte2_ray.engines.fake import FakeEmbedder, FakeReasoner

FEW, MANY = 10_000, 500_000
MOST_MB = 50.0
ROWS_A_WRITE = 10_000
TIMED = 5_000


def driver_memory(folder: Path, few: int = FEW, many: int = MANY) -> list[Row]:
    """How much the driver's memory grows between two sizes of corpus."""
    runs = {rows: run_driver(folder / str(rows), rows) for rows in (few, many)}
    grown = runs[many]["peak_mb"] - runs[few]["peak_mb"]
    engine_us = dict(zip(("reason", "embed"), asyncio.run(_fake_us()), strict=True))
    stated_rows = []
    for phase in runs[many]["phases"]:
        cost = phase["working_s"] / many * 1e6 - engine_us.get(phase["name"], 0.0)
        stated_rows.append(Row.stated(f"overhead a row, {phase['name']}", cost, "µs", many))
    return [
        Row(name=f"driver's memory, {few:,} to {many:,} rows", value=grown, unit="MB more",
            target=f"< {MOST_MB:.0f}", holds=grown < MOST_MB, n=many),
        Row.stated(f"driver's peak, {few:,} rows", runs[few]["peak_mb"], "MB", few),
        Row.stated(f"driver's peak, {many:,} rows", runs[many]["peak_mb"], "MB", many),
        *stated_rows,
        Row.stated("whole job on fake engines", many / runs[many]["seconds"], "rows/s", many),
    ]  # fmt: skip


def run_driver(folder: Path, rows: int, *overrides: str) -> dict[str, Any]:
    """Runs the job in a process of its own; what `benchmarks.driver` tells of it.

    Args:
        folder: of the job; where it is there, the same job runs again over its rows.
        rows: of the corpus.
        overrides: `key=value`.

    Raises:
        ValueError: not every row is in the index then.
    """
    if not folder.exists():
        folder.mkdir()
        write_rows(folder / "rows.parquet", rows)
    command = [sys.executable, "-m", "benchmarks.driver", str(folder), *overrides]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.stdout.write(done.stdout)
        done.check_returncode()
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if told["rows"]["indexed"] + told["rows"]["unchanged"] != rows:
        raise ValueError(f"{rows} rows in, but the job says {told['rows']}")
    return told


def write_rows(path: Path, rows: int) -> None:
    """A manifest of short texts, each another."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("item_id", pa.string()), ("text", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, ROWS_A_WRITE):
            numbers = range(start, min(rows, start + ROWS_A_WRITE))
            texts = [f"a short note about thing {n}, the {n % 97}th of its kind" for n in numbers]
            ids = [f"row-{n:07d}" for n in numbers]
            writer.write_table(pa.table({"item_id": ids, "text": texts}, schema))


async def _fake_us() -> tuple[float, float]:
    """Microseconds of a request to each fake engine, which are none of the job's."""
    reasoner = FakeReasoner(ReasonerConfig(engine=EngineConfig(kind="fake")))
    embedder = FakeEmbedder(EmbedderConfig(engine=EngineConfig(kind="fake", fake_dimension=16)))
    given = [ModelInput(text=f"a short note about thing {n}") for n in range(TIMED)]
    began = time.perf_counter()
    for one in given:
        await reasoner.reason(one)
    reasoned = time.perf_counter()
    for one in given:
        await embedder.embed(one, "<think>note</think>thing")
    embedded = time.perf_counter()
    return (reasoned - began) / TIMED * 1e6, (embedded - reasoned) / TIMED * 1e6
