"""The phases that hold an engine, against the bare engine with the same arguments.

The bare engine's clock starts when its prompts stand ready, media decoded; the phase's clock
covers fetching, decoding, the engine, and the commit of table and marker of each shard. So 1.0
means that everything around the engine is hidden behind it. What a bare loop takes that must
decode, too, is stated beside it. The bare engine stands where a trial finds it faster.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.bare import BareEngine, BareRound, bare_engine, faster_place
from benchmarks.configured import configured
from benchmarks.gate import gated
from benchmarks.measure import ROUNDS, alternate, rate, ratio
from benchmarks.tables import committed, write_true_ecrs
from benchmarks.work import Work, find_items, in_rounds
from tools.shown import Row
from tte2_ray.engines import EngineConfig
from tte2_ray.pipelines.cluster import cluster
from tte2_ray.schema import Item, ecr_schema, vector_schema

ROWS, WARM = 640, 512
"""Items of a round, and of the warming up and the trial: five and four shards of the job's size."""
LEAST = 0.85
Pairs = list[tuple[float, BareRound]]
Use = Callable[[BareEngine, Sequence[Item]], BareRound]


def ecr_phase(folder: Path, rows: int = ROWS, rounds: int = ROUNDS) -> list[Row]:
    """The ECR phase against `LLM.generate`."""
    config = configured(folder)
    items, _ = find_items(WARM + rows * rounds)
    work = in_rounds(folder, config, items, warm=WARM, rounds=rounds)
    pairs, trial = _pairs(
        work,
        "reason",
        config.reasoner.engine,
        lambda bare, some: bare.generate(some, config.reasoner),
    )
    wrote = [row["ecr"] for row in committed(work, work.job.ecr_prefix, ecr_schema())]
    said = [text for _, theirs in pairs for text in theirs.texts]
    same = sum(a == b for a, b in zip(wrote, said, strict=True)) / len(said)
    return [
        *_speeds("ECR phase", "LLM.generate", pairs, work.rows),
        Row(name="ECRs that both wrote alike", value=same, unit="share", target=">= 0.98",
            holds=same >= 0.98, n=len(said)),
        *trial,
    ]  # fmt: skip


def embed_phase(folder: Path, rows: int = ROWS, rounds: int = ROUNDS) -> list[Row]:
    """The embedding phase against `LLM.embed`; the ECRs are those that the world calls true."""
    config = configured(folder)
    items, world = find_items(WARM + rows * rounds)
    work = in_rounds(folder, config, items, warm=WARM, rounds=rounds)
    ecrs, embedder = write_true_ecrs(work, world), config.embedder

    def embed(bare: BareEngine, some: Sequence[Item]) -> BareRound:
        return bare.embed(some, [ecrs[item.item_id] for item in some], embedder)

    pairs, trial = _pairs(work, "embed", embedder.engine, embed, pooling=True)
    schema = vector_schema(config.embedding_recipe().dimension)
    made = np.array([row["vector"] for row in committed(work, work.job.vector_prefix, schema)])
    wanted = np.array([vector for _, theirs in pairs for vector in theirs.vectors])
    least = float((made * wanted).sum(axis=1).min())
    return [
        *_speeds("embedding phase", "LLM.embed", pairs, work.rows),
        Row(name="vectors of both, least alike", value=least, unit="cosine", target=">= 0.999",
            holds=least >= 0.999, n=len(made)),
        *trial,
    ]  # fmt: skip


def _pairs(
    work: Work, name: str, engine: EngineConfig, use: Use, *, pooling: bool = False
) -> tuple[Pairs, list[Row]]:
    """The rounds of a phase and of a bare engine, both warm; and the trial of the bare engine."""
    phase, rounds, job = work.phase(name), work.rounds, work.job
    limits, shards = job.config.media, job.plan.shards
    place, trial = faster_place(engine, limits, work.warm.items, use, pooling=pooling)
    gates = Path(job.config.store).parent / "gates"
    with (
        bare_engine(engine, limits, place, pooling=pooling) as bare,
        cluster(job.config.ray),
        gated(phase, job.store, shards, gates) as behind,
    ):
        use(bare, work.warm.items)
        behind.seconds(work.warm.shards)
        pairs = alternate(
            lambda n: behind.seconds(rounds[n - 1].shards),
            lambda n: use(bare, rounds[n - 1].items),
            len(rounds),
        )
    return pairs, trial


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
