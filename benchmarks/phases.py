"""The phases that hold an engine, against the bare engine with the same arguments.

The bare engine's clock starts when its prompts stand ready, media decoded; the phase's clock
covers fetching, decoding, the engine, and the commit of table and marker of each shard. So 1.0
means that everything around the engine is hidden behind it. What a bare loop takes that must
decode, too, is stated beside it.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.bare import BareRound, bare_engine
from benchmarks.configured import configured
from benchmarks.gate import gated
from benchmarks.measure import ROUNDS, alternate, rate, ratio
from benchmarks.tables import committed, write_true_ecrs
from benchmarks.work import Round, Work, in_rounds, world_items
from tools.shown import Row
from tte2_ray.pipelines.index.cluster import cluster
from tte2_ray.schema import ecr_schema, vector_schema

ROWS = 640
"""Items of a round: five shards of the job's own size."""
LEAST = 0.85
Pairs = list[tuple[float, BareRound]]


def ecr_phase(folder: Path, rows: int = ROWS, rounds: int = ROUNDS) -> list[Row]:
    """The ECR phase against `LLM.generate`."""
    config = configured(folder)
    work = in_rounds(folder, config, world_items(folder, rows), rounds)
    with bare_engine(config.reasoner.engine, config.media) as bare:
        pairs = _pairs(work, "reason", lambda one: bare.generate(one.items, config.reasoner))
    wrote = [row["ecr"] for row in committed(work, work.job.ecr_prefix, ecr_schema())]
    said = [text for _, theirs in pairs for text in theirs.texts]
    same = sum(a == b for a, b in zip(wrote, said, strict=True)) / len(said)
    return [
        *_speeds("ECR phase", "LLM.generate", pairs, work.rows),
        Row(name="ECRs that both wrote alike", value=same, unit="share", target=">= 0.98",
            holds=same >= 0.98, n=len(said)),
    ]  # fmt: skip


def embed_phase(folder: Path, rows: int = ROWS, rounds: int = ROUNDS) -> list[Row]:
    """The embedding phase against `LLM.embed`; the ECRs are those that the world calls true."""
    config = configured(folder)
    work = in_rounds(folder, config, world_items(folder, rows), rounds)
    ecrs, embedder = write_true_ecrs(work, folder / "world"), config.embedder

    def embed(one: Round) -> BareRound:
        return bare.embed(one.items, [ecrs[item.item_id] for item in one.items], embedder)

    with bare_engine(embedder.engine, config.media, pooling=True) as bare:
        pairs = _pairs(work, "embed", embed)
    schema = vector_schema(config.embedding_recipe().dimension)
    made = np.array([row["vector"] for row in committed(work, work.job.vector_prefix, schema)])
    wanted = np.array([vector for _, theirs in pairs for vector in theirs.vectors])
    least = float((made * wanted).sum(axis=1).min())
    return [
        *_speeds("embedding phase", "LLM.embed", pairs, work.rows),
        Row(name="vectors of both, least alike", value=least, unit="cosine", target=">= 0.999",
            holds=least >= 0.999, n=len(made)),
    ]  # fmt: skip


def _pairs(work: Work, name: str, bare: Callable[[Round], BareRound]) -> Pairs:
    """The rounds of a phase and of a bare engine, after one that warms both up."""
    phase, rounds, job = work.phase(name), work.rounds, work.job
    shards, gates = job.plan.shards, Path(job.config.store).parent / "gates"
    with cluster(job.config.ray), gated(phase, job.store, shards, gates) as behind:
        bare(rounds[0])
        behind.seconds(rounds[0].shards)
        return alternate(
            lambda n: behind.seconds(rounds[n].shards), lambda n: bare(rounds[n]), len(rounds) - 1
        )


def _speeds(ours: str, bare: str, pairs: Pairs, rows: int) -> list[Row]:
    mine = [seconds for seconds, _ in pairs]
    engine = [theirs.engine_s for _, theirs in pairs]
    whole = [theirs.engine_s + theirs.decode_s for _, theirs in pairs]
    return [
        ratio(f"{ours} / {bare}, media decoded ahead", mine, engine, rows, LEAST),
        ratio(f"{ours} / {bare}, decoding first", mine, whole, rows, 0),
        rate(ours, mine, rows),
        rate(f"{bare}, media decoded ahead", engine, rows),
    ]
