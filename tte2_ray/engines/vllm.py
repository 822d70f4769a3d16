"""Models on vLLM: the only file that imports it.

vLLM's asynchronous engine takes requests one by one and batches them continuously; its core runs
in a process of its own.
"""

import itertools
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tte2_ray.engines.config import EmbedderConfig, EngineConfig, ReasonerConfig
from tte2_ray.engines.models import hub_hint, refuse_longer
from tte2_ray.engines.protocols import Embedded, ModelInput, Reasoned
from tte2_ray.engines.vllm_input import (
    POOLER,
    chat_prompt,
    engine_arguments,
    prepare_environment,
)
from tte2_ray.errors import (
    ConfigError,
    PrerequisiteError,
    RowError,
    RowErrorClass,
    RuntimeFailure,
)
from tte2_ray.prompts import place_ecr

if TYPE_CHECKING:
    from vllm import PoolingRequestOutput, RequestOutput


class VllmEngine:
    """What reasoner and embedder share: the engine, the template and the counting of tokens."""

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
        self._tokenizer: Any = self.engine.get_tokenizer()
        model_config = self.engine.vllm_config.model_config
        self.max_model_len = int(model_config.max_model_len)
        hf = model_config.hf_config
        ids = (getattr(hf, "image_token_id", None), getattr(hf, "video_token_id", None))
        self._visual_ids = {i for i in ids if i is not None}
        self._numbers = itertools.count()

    def prompt(self, given: ModelInput, suffix: str = "", system: str = "") -> Any:
        """See `chat_prompt`."""
        return chat_prompt(self._tokenizer, given, suffix, system)

    def visual_tokens(self, ids: "list[int] | None") -> int:
        """How many tokens of a prompt stand for pixels."""
        return sum(i in self._visual_ids for i in ids or ())

    def next_id(self) -> str:
        """A request id of its own."""
        return f"{os.getpid()}-{next(self._numbers)}"

    def close(self) -> None:
        """Ends the engine's processes."""
        from vllm.utils.async_utils import cancel_task_threadsafe

        if self.engine.output_handler is not None:
            # Else it may see the engine die that is ended here, and log that with a traceback.
            cancel_task_threadsafe(self.engine.output_handler)
        self.engine.shutdown()

    def _lora(self) -> Any:
        from vllm.lora.request import LoRARequest

        folder = os.path.expanduser(self._config.lora)
        return LoRARequest("adapter", 1, folder) if folder else None


# vLLM words it differently for text, for media and for what a scheduler cannot place.
_TOO_LONG = ("maximum context length", "maximum model length", "max_model_len", "longer than")


def _refusal(error: Exception, max_model_len: int) -> Exception:
    """A `RowError` for what is wrong with one input, a `RuntimeFailure` for a dead engine."""
    from vllm.v1.engine.exceptions import EngineDeadError

    if isinstance(error, EngineDeadError):
        return RuntimeFailure(f"the engine died: {_first_line(error)}")
    text = _first_line(error)
    too_long = any(mark in text for mark in _TOO_LONG)
    if too_long:
        hint = f"{text} (context of {max_model_len} tokens: shorten the text or lower max_pixels)"
        return RowError(RowErrorClass.CONTEXT_OVERFLOW, hint)
    return RowError(RowErrorClass.ENGINE_REJECTED, f"{type(error).__name__}: {text}")


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).strip().split("\n")[0][:400]


class VllmReasoner(VllmEngine):
    """A `Reasoner` on vLLM."""

    def __init__(self, config: ReasonerConfig) -> None:
        super().__init__(config.engine, "generate")
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        sampling = config.sampling
        self._params = SamplingParams(
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed if sampling.temperature > 0 else None,
            skip_special_tokens=True,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    async def reason(self, given: ModelInput) -> Reasoned:
        """See `Reasoner.reason`."""
        from vllm.exceptions import VLLMError

        last: RequestOutput | None = None
        try:
            async for output in self.engine.generate(
                self.prompt(given), self._params, self.next_id(), lora_request=self._lora()
            ):
                last = output
        except (ValueError, TypeError, RuntimeError, VLLMError) as error:
            raise _refusal(error, self.max_model_len) from error
        if last is None:
            raise RuntimeFailure("the engine ended a request without an answer")
        said = last.outputs[0]
        return Reasoned(
            text=said.text.strip(),
            truncated=said.finish_reason == "length",
            prompt_tokens=len(last.prompt_token_ids or ()),
            visual_tokens=self.visual_tokens(last.prompt_token_ids),
            output_tokens=len(said.token_ids),
        )


class VllmEmbedder(VllmEngine):
    """An `Embedder` on vLLM: the last token's hidden state, L2-normalised."""

    def __init__(self, config: EmbedderConfig) -> None:
        super().__init__(config.engine, "pooling", pooler_config=POOLER)
        from vllm import PoolingParams

        own = int(self.engine.vllm_config.model_config.get_hidden_size())
        self.dimension = config.dimension or own
        try:
            refuse_longer(config.engine.model, self.dimension, own)
        except ConfigError:
            self.close()
            raise
        # vLLM refuses any length from a model that is not known as Matryoshka, its own as well.
        shorter = self.dimension if self.dimension < own else None
        self._params = PoolingParams(task="embed", dimensions=shorter)
        self._system, self._ecr_turn = config.system, config.ecr_turn

    async def embed(self, given: ModelInput, ecr: str) -> Embedded:
        """See `Embedder.embed`."""
        from vllm.exceptions import VLLMError

        text, suffix = place_ecr(given.text, ecr, self._ecr_turn)
        prompt = self.prompt(replace(given, text=text), suffix, self._system)
        last: PoolingRequestOutput[Any] | None = None
        try:
            async for output in self.engine.encode(
                prompt,
                self._params,
                self.next_id(),
                lora_request=self._lora(),
            ):
                last = output
        except (ValueError, TypeError, RuntimeError, VLLMError) as error:
            raise _refusal(error, self.max_model_len) from error
        if last is None:
            raise RuntimeFailure("the engine ended a request without an answer")
        return Embedded(
            vector=last.outputs.data.tolist(),
            prompt_tokens=len(last.prompt_token_ids),
            visual_tokens=self.visual_tokens(last.prompt_token_ids),
        )
