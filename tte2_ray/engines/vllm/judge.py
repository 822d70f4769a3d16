"""A judge on vLLM: one prefill, and `sigmoid(logit yes - logit no)` of what would come next.

A generative checkpoint is served as a classifier whose only row is the difference of the two
tokens' rows of the language model's head, so that nothing is decoded and no other logit computed.
That is how Qwen3-VL-Reranker is released to be served (docs/decisions/0009).
"""

from typing import Any, Final

from tte2_ray.engines.config import JudgeConfig
from tte2_ray.engines.protocols import Judged, ModelInput
from tte2_ray.engines.vllm.engine import VllmEngine
from tte2_ray.engines.vllm_input import pair_prompt
from tte2_ray.errors import ConfigError

NO_AND_YES: Final = ("no", "yes")
CLASSIFIER: Final = {
    "architectures": ["Qwen3VLForSequenceClassification"],
    "classifier_from_token": list(NO_AND_YES),
    "is_original_qwen3_reranker": True,
}
"""What makes a classifier of a checkpoint; `engine_args.hf_overrides` of other families."""


class VllmJudge(VllmEngine):
    """A `Judge` on vLLM."""

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__(config.engine, "pooling", hf_overrides=CLASSIFIER)
        from vllm import PoolingParams

        self._asked = config
        self._params = PoolingParams(task="classify")
        try:
            require_verdicts(config.engine.model, self.tokenizer)
        except ConfigError:
            self.close()
            raise

    async def judge(
        self, query: ModelInput, candidate: ModelInput, *, most_prompt_tokens: int = 0
    ) -> Judged:
        """See `Judge.judge`."""
        prompt = pair_prompt(self.tokenizer, query, candidate, self._asked)
        output = await self.pooled(prompt, self._params, most_prompt_tokens)
        return Judged(
            score=float(output.outputs.data.item()),
            prompt_tokens=len(output.prompt_token_ids),
            visual_tokens=self.visual_tokens(output.prompt_token_ids),
            cached_tokens=output.num_cached_tokens,
        )


def require_verdicts(model: str, tokenizer: Any) -> None:
    """Sees that a model has a token each for its two answers.

    vLLM takes the unknown token for a word that is none; the difference of two of them judges
    everything alike.

    Raises:
        ConfigError: it has not.
    """
    known = tokenizer.get_vocab()
    missing = [word for word in NO_AND_YES if word not in known]
    if missing:
        raise ConfigError(
            f"{model} cannot judge: its tokenizer has no token '{missing[0]}'; name a model that "
            "answers yes or no (judge.engine.model)"
        )
