"""The other side: `vllm.LLM` in a process of its own, with nothing of the job around it.

vLLM's offline class can keep its engine beside itself or in a process of its own, as it does by
default. On a CPU that is more than a matter of place: with an engine of its own, 0.29 makes the
executor `mp` of `uni`, three processes instead of one. Both are tried; the faster is the peer.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from benchmarks.measure import rate
from tools.shown import Row
from tte2_ray.engines import EmbedderConfig, EngineConfig, ModelInput, ReasonerConfig
from tte2_ray.engines.vllm_input import (
    POOLER,
    chat_prompt,
    engine_arguments,
    prepare_environment,
)
from tte2_ray.media import MediaLimits, decode_item
from tte2_ray.prompts import item_text, place_ecr
from tte2_ray.schema import Item

if TYPE_CHECKING:
    from vllm import LLM

_started: "list[LLM]" = []


@dataclass(frozen=True, kw_only=True)
class BareRound:
    """What a bare engine did with the items of one round."""

    decode_s: float
    """Seconds to fetch and decode the media and fill the template, before the engine's clock."""
    engine_s: float
    """Seconds of `LLM.generate` or `LLM.embed`."""
    texts: tuple[str, ...] = ()
    vectors: tuple[tuple[float, ...], ...] = ()


class BareEngine:
    """A bare engine in another process.

    Args:
        pool: of one process, with the engine up.
        limits: bounds on what it is shown, those of the job.
    """

    def __init__(self, pool: ProcessPoolExecutor, limits: MediaLimits) -> None:
        self._pool, self._limits = pool, limits

    def generate(self, items: Sequence[Item], config: ReasonerConfig) -> BareRound:
        """Decodes, then generates."""
        return self._pool.submit(_generate, items, self._limits, config).result()

    def embed(
        self, items: Sequence[Item], ecrs: Sequence[str], config: EmbedderConfig
    ) -> BareRound:
        """Decodes, then embeds items with their ECRs."""
        return self._pool.submit(_embed, items, ecrs, self._limits, config).result()


class Place(StrEnum):
    """Where the offline class has its engine; the value is `VLLM_ENABLE_V1_MULTIPROCESSING`."""

    WITHIN = "0"
    APART = "1"

    @property
    def words(self) -> str:
        """As a table says it."""
        return "engine within" if self is Place.WITHIN else "engine in a process of its own"


@contextmanager
def bare_engine(
    config: EngineConfig, limits: MediaLimits, place: Place, *, pooling: bool = False
) -> Iterator[BareEngine]:
    """Starts one with the engine arguments of the job."""
    runner, more = ("pooling", {"pooler_config": POOLER}) if pooling else ("generate", {})
    with bare_process(config, place, runner, more) as pool:
        yield BareEngine(pool, limits)


@contextmanager
def bare_process(
    config: EngineConfig, place: Place, runner: str, more: Mapping[str, Any]
) -> Iterator[ProcessPoolExecutor]:
    """A process that starts a bare engine first; what it is asked meanwhile waits for that.

    Args:
        config: of the engine.
        place: of the engine.
        runner: vLLM's runner, `generate` or `pooling`.
        more: arguments of vLLM, as the job's engine of that role has them.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        started = pool.submit(_start, config, place, runner, more)
        try:
            yield pool
        finally:
            started.result()
            pool.submit(_stop).result()


def faster_place(
    config: EngineConfig,
    limits: MediaLimits,
    items: Sequence[Item],
    use: Callable[[BareEngine, Sequence[Item]], BareRound],
    *,
    pooling: bool = False,
) -> tuple[Place, list[Row]]:
    """Tries both places, one after the other; the faster, and the rate of each.

    Args:
        config: of the engine.
        limits: of the media.
        items: the first quarter warms each engine up, the others are timed.
        use: what is done with them.
        pooling: an embedder.
    """
    seconds: dict[Place, float] = {}
    warm, timed = items[: len(items) // 4], items[len(items) // 4 :]
    for place in Place:
        with bare_engine(config, limits, place, pooling=pooling) as bare:
            use(bare, warm)
            seconds[place] = use(bare, timed).engine_s
    call = "LLM.embed" if pooling else "LLM.generate"
    rows = [
        rate(f"trial of {call}, {place.words}", [spent], len(timed))
        for place, spent in seconds.items()
    ]
    return min(seconds, key=lambda place: seconds[place]), rows


def _start(config: EngineConfig, place: Place, runner: str, more: Mapping[str, Any]) -> None:
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = place.value
    prepare_environment(config)
    from vllm import LLM

    _started.append(LLM(**engine_arguments(config, runner, **more)))


def _stop() -> None:
    _started.clear()


def held() -> "LLM":
    """The engine of this process."""
    return _started[0]


def _inputs(items: Sequence[Item], limits: MediaLimits, instruction: str) -> list[ModelInput]:
    in_process = replace(limits, isolate=False)  # a bare loop over a library isolates nothing
    decoded = [decode_item(item, in_process) for item in items]
    return [ModelInput.of(item_text(d.text, instruction), d) for d in decoded]


def _generate(items: Sequence[Item], limits: MediaLimits, config: ReasonerConfig) -> BareRound:
    from vllm import SamplingParams

    sampling = config.sampling
    params = SamplingParams(
        max_tokens=sampling.max_tokens, temperature=sampling.temperature, top_p=sampling.top_p
    )
    began = time.perf_counter()
    tokenizer = held().get_tokenizer()
    inputs = _inputs(items, limits, config.instruction)
    prompts = [chat_prompt(tokenizer, given) for given in inputs]
    decoded = time.perf_counter()
    outputs = held().generate(prompts, params, use_tqdm=False)
    ended = time.perf_counter()
    return BareRound(
        decode_s=decoded - began,
        engine_s=ended - decoded,
        texts=tuple(output.outputs[0].text.strip() for output in outputs),
    )


def _embed(
    items: Sequence[Item], ecrs: Sequence[str], limits: MediaLimits, config: EmbedderConfig
) -> BareRound:
    from vllm import PoolingParams

    params = PoolingParams(task="embed", dimensions=config.dimension or None)
    began = time.perf_counter()
    tokenizer = held().get_tokenizer()
    prompts = []
    inputs = _inputs(items, limits, config.instruction)
    for given, ecr in zip(inputs, ecrs, strict=True):
        text, suffix = place_ecr(given.text, ecr if config.reads_ecr else "", config.ecr_turn)
        prompts.append(chat_prompt(tokenizer, replace(given, text=text), suffix, config.system))
    decoded = time.perf_counter()
    outputs = held().embed(prompts, pooling_params=params, use_tqdm=False)
    ended = time.perf_counter()
    return BareRound(
        decode_s=decoded - began,
        engine_s=ended - decoded,
        vectors=tuple(tuple(output.outputs.embedding) for output in outputs),
    )
