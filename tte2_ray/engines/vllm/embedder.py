"""An embedder on vLLM: it pools the last token's hidden state, L2-normalised."""

from dataclasses import replace

from tte2_ray.engines.config import EmbedderConfig
from tte2_ray.engines.models import refuse_longer
from tte2_ray.engines.protocols import Embedded, ModelInput
from tte2_ray.engines.vllm.engine import VllmEngine
from tte2_ray.engines.vllm_input import POOLER
from tte2_ray.errors import ConfigError
from tte2_ray.prompts import place_ecr


class VllmEmbedder(VllmEngine):
    """An `Embedder` on vLLM."""

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
        text, suffix = place_ecr(given.text, ecr, self._ecr_turn)
        prompt = self.prompt(replace(given, text=text), suffix, self._system)
        output = await self.pooled(prompt, self._params)
        return Embedded(
            vector=output.outputs.data.tolist(),
            prompt_tokens=len(output.prompt_token_ids),
            visual_tokens=self.visual_tokens(output.prompt_token_ids),
            cached_tokens=output.num_cached_tokens,
        )
