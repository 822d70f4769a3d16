"""A reasoner on vLLM: it generates."""

from typing import TYPE_CHECKING

from tte2_ray.engines.config import ReasonerConfig
from tte2_ray.engines.neutral import marks_of
from tte2_ray.engines.protocols import ModelInput, Reasoned
from tte2_ray.engines.vllm.engine import VllmEngine, last
from tte2_ray.engines.vllm_input import chat_prompt

if TYPE_CHECKING:
    from vllm import SamplingParams


class VllmReasoner(VllmEngine):
    """A `Reasoner` on vLLM."""

    def __init__(self, config: ReasonerConfig) -> None:
        super().__init__(config.engine, "generate")
        self._sampling, self._instruction = config.sampling, config.instruction

    async def reason(
        self, given: ModelInput, *, most_prompt_tokens: int = 0, most_output_tokens: int = 0
    ) -> Reasoned:
        """See `Reasoner.reason`."""
        prompt = chat_prompt(self.tokenizer, given, instruction=self._instruction)
        made = await self.rendered(prompt, most_prompt_tokens)
        params = self._params(most_output_tokens or self._sampling.max_tokens)
        with self.refusals():
            output = await last(
                self.engine.generate(made, params, self.next_id(), lora_request=self.lora())
            )
        said = output.outputs[0]
        return Reasoned(
            text=said.text.strip(),
            truncated=said.finish_reason == "length",
            prompt_tokens=len(output.prompt_token_ids or ()),
            visual_tokens=self.visual_tokens(output.prompt_token_ids),
            output_tokens=len(said.token_ids),
            cached_tokens=output.num_cached_tokens or 0,
            note=marks_of(self.tokenizer).note(given.text, self._instruction),
        )

    def _params(self, most_output_tokens: int) -> "SamplingParams":
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        sampling = self._sampling
        return SamplingParams(
            max_tokens=min(sampling.max_tokens, most_output_tokens),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed if sampling.temperature > 0 else None,
            skip_special_tokens=True,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
