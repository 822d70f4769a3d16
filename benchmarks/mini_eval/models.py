"""The engines of the index job over many turns, with the job's own decoding and configuration."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchmarks.mini_eval.world import Turn
from tools.job import index_job
from tte2_ray.ecr import finished_ecr
from tte2_ray.engines import Embedder, ModelInput, Reasoner, build_embedder, build_reasoner
from tte2_ray.errors import RowError, ValidationError
from tte2_ray.media import DecodedItem
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.stages.decoder import Decoder

if TYPE_CHECKING:
    import numpy as np

Say = Callable[[str], None]


def job_config(reasoner: str = "", embedder: str = "") -> IndexConfig:
    """The configuration that `jobs/index_corpus.py` has by default.

    Args:
        reasoner: another model than the default's.
        embedder: likewise.
    """
    named = {"reasoner.engine.model": reasoner, "embedder.engine.model": embedder}
    return index_job([f"{key}={model}" for key, model in named.items() if model]).config


def reason(turns: Sequence[Turn], config: IndexConfig, say: Say) -> dict[str, str]:
    """ECRs by name, through vLLM; "" where the reasoner wrote nothing, which the job rejects."""
    engine = build_reasoner(config.reasoner)

    async def one(turn: Turn, decoded: DecodedItem) -> dict[str, Any]:
        given = _shown(turn, decoded, config.reasoner.instruction)
        said = await engine.reason(given)
        return {"ecr": finished(said.text, said.truncated)}

    rows = _each(engine, turns, config, config.reasoner.engine.max_in_flight, one, say)
    return {turn.name: row["ecr"] for turn, row in zip(turns, rows, strict=True)}


def finished(text: str, truncated: bool) -> str:
    """An ECR as the job and the cascade keep it; "" where they would reject it.

    Args:
        text: as a reasoner wrote it.
        truncated: it met its token limit.

    >>> finished("<think>a red star", truncated=False)
    '<think>a red star</think>a red star'
    >>> finished("<think>", truncated=False)
    ''
    """
    try:
        return finished_ecr(text, truncated)[0]
    except RowError:
        return ""


def embed(
    turns: Sequence[Turn], ecrs: Mapping[str, str], config: IndexConfig, say: Say
) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """Unit vectors (turns, values), through vLLM; not a number where there is no ECR to read.

    Args:
        turns: what is embedded.
        ecrs: by name; an embedder that reads none needs none.
        config: names the embedder.
        say: takes a line of progress now and then.
    """
    import numpy as np

    engine = build_embedder(config.embedder)

    async def one(turn: Turn, decoded: DecodedItem) -> dict[str, Any]:
        ecr = ecrs[turn.name] if config.embedder.reads_ecr else ""
        if config.embedder.reads_ecr and not ecr:
            return {"vector": [float("nan")] * engine.dimension}
        given = _shown(turn, decoded, config.embedder.instruction)
        return {"vector": (await engine.embed(given, ecr)).vector}

    rows = _each(engine, turns, config, config.embedder.engine.max_in_flight, one, say)
    return np.array([row["vector"] for row in rows], dtype=np.float32)


def _shown(turn: Turn, decoded: DecodedItem, instruction: str) -> ModelInput:
    text = turn.words(decoded.text, instruction)
    return ModelInput.of(text, decoded)


def _each(
    engine: Reasoner | Embedder,
    turns: Sequence[Turn],
    config: IndexConfig,
    in_flight: int,
    one: Callable[[Turn, DecodedItem], Coroutine[Any, Any, dict[str, Any]]],
    say: Say,
) -> list[dict[str, Any]]:
    decoder = Decoder(config.media, config.reasoner.engine.decode_threads, in_flight)
    done = 0

    async def tell(turn: Turn) -> dict[str, Any]:
        nonlocal done
        try:
            row = await decoder(turn.item, lambda decoded: one(turn, decoded))
        except RowError as error:
            raise ValidationError(f"{turn.name} of the test world is refused: {error}") from error
        done += 1
        if done % 500 == 0 or done == len(turns):
            say(f"  {done} of {len(turns)}")
        return row

    async def all_of_them() -> list[dict[str, Any]]:
        return list(await asyncio.gather(*(tell(turn) for turn in turns)))

    try:
        return asyncio.run(all_of_them())
    finally:
        engine.close()


def with_embedder(config: IndexConfig, model: str, reads_ecr: bool) -> IndexConfig:
    """The same job with another embedder."""
    engine = replace(config.embedder.engine, model=model)
    embedder = replace(config.embedder, engine=engine, reads_ecr=reads_ecr)
    return replace(config, embedder=embedder)
