"""A sample of what is still to do, run on the engines as the job would."""

import asyncio
import os
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tte2_ray.engines import (
    Embedded,
    EngineConfig,
    ModelInput,
    Reasoned,
    build_embedder,
    build_reasoner,
)
from tte2_ray.engines.halving import HalvingEmbedder, HalvingReasoner, Room
from tte2_ray.errors import RowError, RuntimeFailure, TteError
from tte2_ray.media import decode_item
from tte2_ray.pipelines.config import RayConfig
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.sample import Ecrs, shown
from tte2_ray.pipelines.phases import engine_pool
from tte2_ray.pipelines.rates import Rate, measured_rate
from tte2_ray.schema import Item
from tte2_ray.stages.counts import Counts

Answer = TypeVar("Answer", Reasoned, Embedded)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one replica of a phase did with a sample."""

    rate: Rate
    counts: Counts


def measure(config: IndexConfig, items: Sequence[Item], ecrs: Ecrs | None) -> dict[str, Measured]:
    """Runs a sample on one replica of each engine, on the cluster that is connected.

    Args:
        config: of the job.
        items: the sample.
        ecrs: of its items, where they were written before: the reasoner is left out then; None
            where it must write them.

    Returns:
        By phase; without "embed" where there is no ECR to embed.

    Raises:
        TteError: an engine does not start.
    """
    found = {}
    if ecrs is None:
        found["reason"], ecrs = _on_a_replica(config.reasoner.engine, config, items, None)
    if ecrs:
        found["embed"], _ = _on_a_replica(config.embedder.engine, config, items, ecrs)
    return found


def _on_a_replica(
    engine: EngineConfig, config: IndexConfig, items: Sequence[Item], ecrs: Ecrs | None
) -> tuple[Measured, Ecrs]:
    import ray

    pool = engine_pool(engine, RayConfig())
    run = ray.remote(
        num_cpus=engine.num_cpus,
        num_gpus=engine.num_gpus,
        max_calls=1,  # the process ends with its engine
        max_retries=0,
        runtime_env={"env_vars": dict(pool.environment)},
    )(_measure_with)
    try:
        answer = run.remote(pool.credentials, config, list(items), ecrs)
        measured: tuple[Measured, Ecrs] = ray.get(answer)
    except ray.exceptions.RayTaskError as error:
        raise (error.cause if isinstance(error.cause, TteError) else error) from None
    except ray.exceptions.RayError as error:  # its process was killed, of memory most often
        said = " ".join(str(error).split())[:300].rstrip(".")
        raise RuntimeFailure(
            f"the sample on {engine.model} ended with its process: {said}; the model may need more "
            "memory than its node has"
        ) from error
    return measured


def _measure_with(
    credentials: Mapping[str, str], config: IndexConfig, items: Sequence[Item], ecrs: Ecrs | None
) -> tuple[Measured, Ecrs]:
    os.environ.update(credentials)
    return _measure(config, items, ecrs)


def _measure(
    config: IndexConfig, items: Sequence[Item], ecrs: Ecrs | None
) -> tuple[Measured, Ecrs]:
    """Reasons about the items where `ecrs` is None, else embeds them."""
    return asyncio.run(_reason(config, items) if ecrs is None else _embed(config, items, ecrs))


async def _reason(config: IndexConfig, items: Sequence[Item]) -> tuple[Measured, Ecrs]:
    began = time.perf_counter()
    reasoner = HalvingReasoner(build_reasoner, config.reasoner, Room("reasoner"))
    start_s = time.perf_counter() - began
    given = _decoded(config, items, config.reasoner.instruction)
    said, seconds = await _answers([reasoner.reason(g) for g in given.values()])
    reasoner.close()
    ecrs = {item_id: a.text for item_id, a in zip(given, said, strict=True) if a}
    return _measured(said, seconds, start_s), ecrs


async def _embed(config: IndexConfig, items: Sequence[Item], ecrs: Ecrs) -> tuple[Measured, Ecrs]:
    began = time.perf_counter()
    embedder = HalvingEmbedder(build_embedder, config.embedder, Room("embedder"))
    start_s = time.perf_counter() - began
    given = _decoded(config, items, config.embedder.instruction)
    reads = config.embedder.reads_ecr
    # A file that did not answer the first time may do so now, or the other way round.
    pairs = [(given[i], e if reads else "") for i, e in ecrs.items() if i in given]
    made, seconds = await _answers([embedder.embed(g, e) for g, e in pairs])
    embedder.close()
    return _measured(made, seconds, start_s), ecrs


def _measured(
    answers: Sequence[Reasoned | Embedded | None], seconds: float, start_s: float
) -> Measured:
    counts = sum((_counts(answer) for answer in answers if answer), Counts())
    rate = measured_rate(counts, working_s=seconds, start_s=start_s, replicas=1)
    return Measured(rate=rate, counts=counts)


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
            given[item.item_id] = shown(decode_item(item, config.media), instruction)
        except RowError:
            continue
    return given
