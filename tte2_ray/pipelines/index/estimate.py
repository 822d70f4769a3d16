"""What a job will take, before it takes it: from a sample that is decoded, or really run."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from tte2_ray.artifacts.shards import Plan, Shard, read_shard
from tte2_ray.artifacts.store import Store
from tte2_ray.engines import ModelInput, build_embedder, build_reasoner
from tte2_ray.errors import RowError
from tte2_ray.media import DecodedItem, decode_item
from tte2_ray.pipelines.index.cluster import cluster
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.progress import duration
from tte2_ray.prompts import item_text


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a sample took on one replica."""

    rows: int
    rejected: int
    prompt_tokens: float
    """A row, text and visual."""
    visual_tokens: float
    output_tokens: float
    reason_rows_s: float
    embed_rows_s: float


def print_plan(
    config: IndexConfig, plan: Plan, todo: Mapping[str, Sequence[Shard]], out: TextIO
) -> None:
    """The plan: rows, shards, and what each phase has still to do."""
    reasoner, embedder = config.reasoner.engine.model, config.embedder.engine.model
    out.write(
        f"plan   {plan.rows_in:,} rows in {len(plan.shards):,} shards of {config.corpus.path}"
        f" ({plan.rejected:,} unreadable)\n"
        f"       reasoner {reasoner} · embedder {embedder} · store {config.store}\n"
    )
    rows = {name: sum(s.rows for s in shards) for name, shards in todo.items()}
    most = rows["reason"] * config.reasoner.sampling.max_tokens
    out.write(
        f"       to do: reason {rows['reason']:,} rows (at most {most:,} tokens written), "
        f"embed {rows['embed']:,}, load {rows['load']:,}\n"
    )
    out.flush()


def estimate_from_engines(config: IndexConfig, plan: Plan, store: Store, out: TextIO) -> None:
    """Runs a sample on the real engines, one replica of each, and projects it; writes nothing."""
    import ray

    with cluster(config.ray):
        remote = ray.remote(num_cpus=1, num_gpus=config.reasoner.engine.num_gpus)(measure)
        measured: Measured = ray.get(remote.remote(config, plan.shards))
    for line in projection(config, plan, measured):
        out.write(f"       {line}\n")


def projection(config: IndexConfig, plan: Plan, measured: Measured) -> list[str]:
    """The sample, scaled to the plan.

    Time of a phase = rows / (rows a second of one replica × replicas); cost = replica hours ×
    price. Starting engines is left out.
    """
    reasoner, embedder = config.reasoner.engine, config.embedder.engine
    reason_s = plan.rows / (measured.reason_rows_s * reasoner.replicas)
    embed_s = plan.rows / (measured.embed_rows_s * embedder.replicas)
    hours = (reason_s * reasoner.replicas + embed_s * embedder.replicas) / 3600
    lines = [
        f"sample {measured.rows} rows, {measured.rejected} rejected: a row reads "
        f"{measured.prompt_tokens:.0f} tokens ({measured.visual_tokens:.0f} visual) and writes "
        f"{measured.output_tokens:.0f}",
        f"reason ≈ {plan.rows * measured.prompt_tokens:,.0f} tokens read, "
        f"{plan.rows * measured.output_tokens:,.0f} written, {duration(reason_s)} "
        f"({measured.reason_rows_s:.1f} rows/s × {reasoner.replicas})",
        f"embed  ≈ {duration(embed_s)} ({measured.embed_rows_s:.1f} rows/s × {embedder.replicas})",
        f"engines ≈ {hours:.2f} replica hours",
    ]
    price = config.estimate.usd_per_replica_hour
    if price:
        lines[-1] += f", {hours * price:,.2f} USD"
    return lines


def measure(config: IndexConfig, shards: Sequence[Shard]) -> Measured:
    """Decodes, reasons about and embeds a sample spread over the shards."""
    from tte2_ray.artifacts.store import open_store

    store = open_store(config.store)
    step = max(1, len(shards) // 8)
    chosen = shards[::step]
    each = -(-config.estimate.sample_rows // max(1, len(chosen)))
    items = [item for shard in chosen for item in read_shard(store, shard)[:each]]
    decoded: list[DecodedItem] = []
    for item in items:
        try:
            decoded.append(decode_item(item, config.media))
        except RowError:
            continue
    return asyncio.run(_measure(config, decoded, len(items)))


async def _measure(config: IndexConfig, decoded: list[DecodedItem], rows: int) -> Measured:
    given = [
        ModelInput(
            text=item_text(d.text, config.reasoner.instruction), images=d.images, video=d.video
        )
        for d in decoded
    ]
    reasoner = build_reasoner(config.reasoner)
    said, reason_s = await _timed([reasoner.reason(g) for g in given])
    reasoner.close()
    embedder = build_embedder(config.embedder)
    _, embed_s = await _timed([embedder.embed(g, s.text) for g, s in zip(given, said, strict=True)])
    embedder.close()
    n = max(1, len(said))
    return Measured(
        rows=rows,
        rejected=rows - len(said),
        prompt_tokens=sum(s.prompt_tokens for s in said) / n,
        visual_tokens=sum(s.visual_tokens for s in said) / n,
        output_tokens=sum(s.output_tokens for s in said) / n,
        reason_rows_s=n / reason_s,
        embed_rows_s=n / embed_s,
    )


async def _timed(calls: list[Any]) -> tuple[list[Any], float]:
    began = time.perf_counter()
    answers = await asyncio.gather(*calls)
    return list(answers), max(time.perf_counter() - began, 1e-9)
