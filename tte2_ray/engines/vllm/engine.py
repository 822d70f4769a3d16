"""What every model on vLLM has: the engine, the template, prices, and what a refusal means."""

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from tte2_ray.engines.config import EngineConfig
from tte2_ray.engines.models import hub_hint
from tte2_ray.engines.price import refuse_above_price
from tte2_ray.engines.vllm.last_words import LastWords, tells_of_memory
from tte2_ray.engines.vllm_input import engine_arguments, prepare_environment
from tte2_ray.errors import (
    OutOfMemory,
    PrerequisiteError,
    RowError,
    RowErrorClass,
    RuntimeFailure,
)

if TYPE_CHECKING:
    from vllm import PoolingParams, PoolingRequestOutput

Output = TypeVar("Output")


class VllmEngine:
    """An engine, asked by the classes for its roles."""

    def __init__(self, config: EngineConfig, runner: str, **engine_args: Any) -> None:
        """Starts the engine; half a minute on a CPU, minutes for a large model on GPUs.

        Args:
            config: the model and its engine.
            runner: vLLM's runner, `generate` or `pooling`.
            engine_args: defaults that `config.engine_args` may override.

        Raises:
            PrerequisiteError: vLLM is not installed, or the engine does not start.
            ResourceMissingError: the model's folder or name does not exist.
        """
        prepare_environment(config)
        self._last_words = LastWords()
        given = engine_arguments(config, runner, **engine_args)
        try:
            from vllm import AsyncEngineArgs
            from vllm.usage.usage_lib import UsageContext
            from vllm.v1.engine.async_llm import AsyncLLM
        except ImportError as error:
            message = f"vLLM does not import: {error}; run `make setup`, or install tte2_ray[gpu]"
            raise PrerequisiteError(message) from error
        try:
            self.engine: AsyncLLM = AsyncLLM.from_engine_args(
                AsyncEngineArgs(**given, enable_log_requests=False),
                # A job wants throughput: as many tokens a step as vLLM gives its offline class,
                # two to eight times those of a server.
                usage_context=UsageContext.LLM_CLASS,
            )
        except (RuntimeError, ValueError, OSError, TypeError) as error:
            hint = hub_hint(config.model)
            message = f"the engine of {config.model} does not start: {_first_line(error)}{hint}"
            raise PrerequisiteError(message) from error
        self._config = config
        self.tokenizer: Any = self.engine.get_tokenizer()
        model_config = self.engine.vllm_config.model_config
        self.max_model_len = int(model_config.max_model_len)
        hf = model_config.hf_config
        ids = (getattr(hf, "image_token_id", None), getattr(hf, "video_token_id", None))
        self._visual_ids = {i for i in ids if i is not None}
        self._numbers = itertools.count()

    async def rendered(self, prompt: Any, most_tokens: int = 0) -> Any:
        """A prompt as the engine's core takes it: tokenised, its media processed, once.

        Args:
            prompt: of `vllm_input`.
            most_tokens: that it may have; 0 for no bound but the context.

        Raises:
            RowError: it is longer than that (`over_price`) or than the context, or is malformed.
        """
        with self.refusals():
            (made,) = await self.engine.renderer.render_cmpl_async([prompt])
        refuse_above_price(len(made["prompt_token_ids"]), most_tokens)
        return made

    async def pooled(
        self, prompt: Any, params: "PoolingParams", most_tokens: int = 0
    ) -> "PoolingRequestOutput[Any]":
        """What a pooling model answers.

        Args:
            prompt: not rendered.
            params: what is pooled.
            most_tokens: see `rendered`.

        Raises:
            RowError: the engine refuses the prompt.
            OutOfMemory: of that it died, or what stands before it.
            RuntimeFailure: the engine is dead.
        """
        made = await self.rendered(prompt, most_tokens)
        request = self.next_id()
        with self.refusals():
            return await last(self.engine.encode(made, params, request, lora_request=self.lora()))

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turns vLLM's errors into a `RowError` for one input, a `RuntimeFailure` for a dead
        engine."""
        from vllm.exceptions import VLLMError

        try:
            yield
        except (ValueError, TypeError, RuntimeError, MemoryError, VLLMError) as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> Exception:
        """A `RowError` for what is wrong with one input, a `RuntimeFailure` for a dead engine."""
        from vllm.v1.engine.exceptions import EngineDeadError

        if isinstance(error, EngineDeadError):
            return _death(self._last_words.cause())
        text = _first_line(error)
        if isinstance(error, MemoryError) or tells_of_memory(text):  # in this process
            return OutOfMemory(f"out of memory beside the engine: {text}")
        if any(mark in text for mark in _TOO_LONG):
            context = f"context of {self.max_model_len} tokens"
            hint = f"{text} ({context}: shorten the text or lower max_pixels)"
            return RowError(RowErrorClass.CONTEXT_OVERFLOW, hint)
        return RowError(RowErrorClass.ENGINE_REJECTED, f"{type(error).__name__}: {text}")

    def visual_tokens(self, ids: "list[int] | None") -> int:
        """How many tokens of a prompt stand for pixels."""
        return sum(i in self._visual_ids for i in ids or ())

    def next_id(self) -> str:
        """A request id of its own."""
        return f"{os.getpid()}-{next(self._numbers)}"

    def lora(self) -> Any:
        """The adapter of a request; None where there is none."""
        from vllm.lora.request import LoRARequest

        folder = os.path.expanduser(self._config.lora)
        return LoRARequest("adapter", 1, folder) if folder else None

    def close(self) -> None:
        """Ends the engine's processes."""
        from vllm.utils.async_utils import cancel_task_threadsafe

        if self.engine.output_handler is not None:
            # Else it may see the engine die that is ended here, and log that with a traceback.
            cancel_task_threadsafe(self.engine.output_handler)
        self.engine.shutdown()


async def last(outputs: AsyncIterator[Output]) -> Output:
    """The last of a request's outputs.

    Raises:
        RuntimeFailure: there is none.
    """
    final: Output | None = None
    async for output in outputs:
        final = output
    if final is None:
        raise RuntimeFailure("the engine ended a request without an answer")
    return final


# vLLM words it differently for text, for media and for what a scheduler cannot place.
_TOO_LONG = ("maximum context length", "maximum model length", "max_model_len", "longer than")


def _death(cause: str) -> RuntimeFailure:
    """One without a word is taken for a matter of memory, for which the kernel kills."""
    if not cause:
        return OutOfMemory("the engine died without a word, for its memory most likely")
    kind = OutOfMemory if tells_of_memory(cause) else RuntimeFailure
    return kind(f"the engine died: {cause}")


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).strip().split("\n")[0][:400]
