"""An embedder on vLLM: it pools the last token's hidden state, L2-normalised."""

from tte2_ray.engines.config import EmbedderConfig
from tte2_ray.engines.models import refuse_longer
from tte2_ray.engines.protocols import Embedded, ModelInput
from tte2_ray.engines.vllm.engine import VllmEngine
from tte2_ray.engines.vllm_input import POOLER, embed_prompt
from tte2_ray.errors import ConfigError


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
        self._asked = config

    async def embed(self, given: ModelInput, ecr: str) -> Embedded:
        """See `Embedder.embed`."""
        prompt = embed_prompt(self.tokenizer, given, ecr, self._asked)
        output = await self.pooled(prompt, self._params)
        return Embedded(
            vector=output.outputs.data.tolist(),
            prompt_tokens=len(output.prompt_token_ids),
            visual_tokens=self.visual_tokens(output.prompt_token_ids),
            cached_tokens=output.num_cached_tokens,
        )
