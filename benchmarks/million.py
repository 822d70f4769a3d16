"""A million rows, end to end: the driver, Ray's object store, and what plan and manifest take.

The real job on fake engines, as in `benchmarks.memory`: fresh processes, the embedded Milvus
server. Two replicas of each engine share two cores; nothing of a row passes through the driver or
through Ray, so neither may grow with rows.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.memory import run_driver
from tools.shown import Row
from tte2_ray.artifacts.manifest import manifest_key
from tte2_ray.pipelines.index.formulas import DRIVER_BYTES_A_SHARD, shards_of

FEW, MANY = 10_000, 1_000_000
SHARD = 128
"""Rows of a shard, as the job's configuration has it."""
MOST_MB = 50.0
MOST_PLAN_BYTES = 100.0
"""Of a shard."""
MOST_MANIFEST_BYTES = 10_000
MOST_STORE_MB = 64.0
"""In Ray's object store at once."""
AGAIN = 100_000
MOST_AGAIN_S = 600.0
"""Of a run over them unchanged: seconds to minutes are asked for."""
CONFIGURED = (f"corpus.rows_per_shard={SHARD}", "reasoner.engine.replicas=2",
              "embedder.engine.replicas=2")  # fmt: skip


def million_rows(folder: Path, few: int = FEW, many: int = MANY) -> list[Row]:
    """What grows, and what does not, between two sizes of corpus."""
    runs = {rows: run_driver(folder / str(rows), rows, *CONFIGURED) for rows in (few, many)}
    grown = runs[many]["peak_mb"] - runs[few]["peak_mb"]
    each = grown * 1e6 / (shards_of(many, SHARD) - shards_of(few, SHARD))
    seconds = runs[many]["seconds"]
    return [
        Row(name=f"driver's memory, {few:,} to {many:,} rows", value=grown, unit="MB more",
            target=f"< {MOST_MB:.0f}", holds=grown < MOST_MB, n=many),
        Row.stated(f"driver's peak, {many:,} rows", runs[many]["peak_mb"], "MB", many),
        Row(name="driver's memory, a shard", value=each, unit="bytes",
            target=f"<= {DRIVER_BYTES_A_SHARD}", holds=each <= DRIVER_BYTES_A_SHARD, n=many),
        *_of_the_object_store(runs[few]["object_store"], runs[many]["object_store"]),
        *_of_the_store(folder / str(many) / "store", runs[many]),
        Row.stated(f"{many:,} rows end to end", seconds, "s", many),
        Row.stated("whole job on fake engines", many / seconds, "rows/s", many),
        *(Row.stated(f"{phase['name']}, engines up", many / phase["working_s"], "rows/s", many)
          for phase in runs[many]["phases"]),
    ]  # fmt: skip


def unchanged_corpus(folder: Path, rows: int = AGAIN) -> list[Row]:
    """The same command again over the same corpus; models must not work."""
    first = run_driver(folder / "again", rows, *CONFIGURED)
    found = [Row.stated(f"first run over {rows:,} rows", first["seconds"], "s", rows)]
    for mode in ("full", "incremental"):
        told = run_driver(folder / "again", rows, *CONFIGURED, f"mode={mode}")
        spent = sum(told["tokens_this_run"].values()) + len(told["phases"])
        found += [
            Row(name=f"run over them unchanged, mode={mode}", value=told["seconds"], unit="s",
                target=f"< {MOST_AGAIN_S:.0f}", holds=told["seconds"] < MOST_AGAIN_S, n=rows),
            Row(name=f"tokens and phases of that run, mode={mode}", value=spent, unit="",
                target="= 0", holds=not spent, n=rows),
        ]  # fmt: skip
    return found


def _of_the_object_store(few: dict[str, Any], many: dict[str, Any]) -> Sequence[Row]:
    spilled, most_mb = many["spilled_bytes"] + many["fallback_bytes"], many["most_bytes"] / 1e6
    return (
        Row(name="spilled from Ray's object store", value=spilled, unit="bytes", target="= 0",
            holds=not spilled and many["looks"] > 1, n=many["looks"]),
        Row(name="most in it at once", value=most_mb, unit="MB", target=f"< {MOST_STORE_MB:.0f}",
            holds=most_mb < MOST_STORE_MB, n=many["looks"]),
        Row.stated("most objects in it at once", many["most_objects"], "objects", many["looks"]),
        Row.stated("most in it at once, few rows", few["most_bytes"] / 1e6, "MB", few["looks"]),
    )  # fmt: skip


def _of_the_store(store: Path, told: dict[str, Any]) -> Sequence[Row]:
    (plan,) = store.glob("corpora/*/*/plan.json")
    shards = len(json.loads(plan.read_text())["shards"])
    each = plan.stat().st_size / shards
    manifest = (store / manifest_key(told["index"], told["version"])).stat().st_size
    files = [file.stat().st_size for file in store.rglob("*") if file.is_file()]
    return (
        Row(name=f"plan.json of {shards:,} shards", value=each, unit="bytes/shard",
            target=f"< {MOST_PLAN_BYTES:.0f}", holds=each < MOST_PLAN_BYTES, n=shards),
        Row.stated("plan.json", plan.stat().st_size / 1e6, "MB"),
        Row(name="manifest of the version", value=manifest, unit="bytes",
            target=f"< {MOST_MANIFEST_BYTES}", holds=manifest < MOST_MANIFEST_BYTES),
        Row.stated("objects in the artifact store", len(files), "objects", shards),
        Row.stated("bytes in it", sum(files) / 1e6, "MB", shards),
    )  # fmt: skip
