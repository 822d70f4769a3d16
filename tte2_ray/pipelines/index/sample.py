"""A few items of what is still to do: decoded here, or run on the engines as the job would."""

import asyncio
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tte2_ray.artifacts.shards import Shard, read_shard
from tte2_ray.artifacts.store import Store
from tte2_ray.engines import Embedded, ModelInput, Reasoned, build_embedder, build_reasoner
from tte2_ray.engines.tokens import TokenCounter
from tte2_ray.errors import RowError, RowErrorClass, TteError
from tte2_ray.media import DecodedItem, decode_item
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.phases import engine_pool
from tte2_ray.pipelines.index.rates import Rate, measured_rate
from tte2_ray.prompts import item_text
from tte2_ray.schema import Item
from tte2_ray.stages.counts import Counts

SHARDS_ASKED = 8
"""Shards that a sample is spread over: each is read whole."""

Answer = TypeVar("Answer", Reasoned, Embedded)
Ecrs = dict[str, str]
"""By item id; without those that failed."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the decoded rows of a sample say about all of them."""

    rows: int
    rejected: dict[str, int]
    """By error class."""
    prompt_tokens: float
    """Read for a row by the reasoner, on average, and without an ECR by the embedder."""
    visual_tokens: float

    @property
    def good(self) -> int:
        """Rows that the reasoner can be given."""
        return self.rows - sum(self.rejected.values())


def draw(store: Store, shards: Sequence[Shard], rows: int) -> list[Item]:
    """Items spread over shards; all of them where there are no more.

    Args:
        store: where the shards lie.
        shards: to draw from.
        rows: at most.
    """
    chosen = shards[:: max(1, -(-len(shards) // SHARDS_ASKED))]
    each = -(-rows // max(1, len(chosen)))
    items = [item for shard in chosen for item in read_shard(store, shard)[:each]]
    return items[:rows]


def look(config: IndexConfig, items: Sequence[Item]) -> Sample:
    """Decodes a sample, one item at a time, and counts what the reasoner would read."""
    engine = config.reasoner.engine
    counter = TokenCounter(engine.model)
    context = engine.max_model_len or (counter.context if engine.kind == "vllm" else 0)
    rejected: Counter[str] = Counter()
    prompt = visual = 0
    for item in items:
        try:
            given = _input(decode_item(item, config.media), config.reasoner.instruction)
        except RowError as error:
            rejected[error.error_class.value] += 1
            continue
        tokens = counter.prompt_tokens(given)
        if 0 < context < tokens:
            rejected[RowErrorClass.CONTEXT_OVERFLOW.value] += 1
            continue
        prompt += tokens
        visual += counter.visual_tokens(given)
    good = max(1, len(items) - rejected.total())  # of none, the averages are 0
    return Sample(
        rows=len(items),
        rejected=dict(rejected),
        prompt_tokens=prompt / good,
        visual_tokens=visual / good,
    )


def measure(config: IndexConfig, items: Sequence[Item]) -> dict[str, Rate]:
    """Runs a sample on one replica of each engine, on the cluster that is connected.

    Raises:
        TteError: an engine does not start.
    """
    import ray

    rates = {}
    ecrs: Ecrs | None = None
    for phase, engine in (("reason", config.reasoner.engine), ("embed", config.embedder.engine)):
        environment = dict(engine_pool(engine, 0).environment)
        run = ray.remote(
            num_cpus=engine.num_cpus,
            num_gpus=engine.num_gpus,
            max_calls=1,  # the process ends with its engine
            max_retries=0,
            runtime_env={"env_vars": environment},
        )(_measure)
        try:
            rates[phase], ecrs = ray.get(run.remote(config, list(items), ecrs))
        except ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, TteError) else error) from None
    return rates


def _measure(config: IndexConfig, items: Sequence[Item], ecrs: Ecrs | None) -> tuple[Rate, Ecrs]:
    """Reasons about the items where `ecrs` is None, else embeds them."""
    return asyncio.run(_reason(config, items) if ecrs is None else _embed(config, items, ecrs))


async def _reason(config: IndexConfig, items: Sequence[Item]) -> tuple[Rate, Ecrs]:
    began = time.perf_counter()
    reasoner = build_reasoner(config.reasoner)
    start_s = time.perf_counter() - began
    given = _decoded(config, items, config.reasoner.instruction)
    said, seconds = await _answers([reasoner.reason(g) for g in given.values()])
    reasoner.close()
    counts = sum((_counts(a) for a in said if a), Counts())
    rate = measured_rate(counts, working_s=seconds, start_s=start_s, replicas=1)
    return rate, {item_id: a.text for item_id, a in zip(given, said, strict=True) if a}


async def _embed(config: IndexConfig, items: Sequence[Item], ecrs: Ecrs) -> tuple[Rate, Ecrs]:
    began = time.perf_counter()
    embedder = build_embedder(config.embedder)
    start_s = time.perf_counter() - began
    given = _decoded(config, items, config.embedder.instruction)
    reads = config.embedder.reads_ecr
    # A file that did not answer the first time may do so now, or the other way round.
    pairs = [(given[i], e if reads else "") for i, e in ecrs.items() if i in given]
    made, seconds = await _answers([embedder.embed(g, e) for g, e in pairs])
    embedder.close()
    counts = sum((_counts(a) for a in made if a), Counts())
    return measured_rate(counts, working_s=seconds, start_s=start_s, replicas=1), ecrs


def _counts(answer: Reasoned | Embedded) -> Counts:
    written = answer.output_tokens if isinstance(answer, Reasoned) else 0
    return Counts(rows=1, done=1, prompt_tokens=answer.prompt_tokens, output_tokens=written)


async def _answers(
    calls: Sequence[Coroutine[Any, Any, Answer]],
) -> tuple[list[Answer | None], float]:
    """The answers, None for each row that the engine refuses, and the seconds that they took."""

    async def one(call: Coroutine[Any, Any, Answer]) -> Answer | None:
        try:
            return await call
        except RowError:
            return None

    began = time.perf_counter()
    answers = await asyncio.gather(*(one(call) for call in calls))
    return list(answers), time.perf_counter() - began


def _decoded(config: IndexConfig, items: Sequence[Item], instruction: str) -> dict[str, ModelInput]:
    """What the models are shown of each item that can be decoded, by its id."""
    given = {}
    for item in items:
        try:
            given[item.item_id] = _input(decode_item(item, config.media), instruction)
        except RowError:
            continue
    return given


def _input(decoded: DecodedItem, instruction: str) -> ModelInput:
    text = item_text(decoded.text, instruction)
    return ModelInput(text=text, images=decoded.images, video=decoded.video)
