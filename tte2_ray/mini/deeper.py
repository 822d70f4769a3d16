"""More layers for a trained model, which at first change nothing.

A judge has more to do in one pass than a reasoner in one word: to look up in the candidate what
the query says, part by part, to compare each, and to see whether one of them fails. With four
layers the last was not learned (docs/log.md).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import Qwen3VLForConditionalGeneration


def deepen(model: "Qwen3VLForConditionalGeneration", layers: int) -> None:
    """Adds layers behind the last, until there are `layers`; they add nothing before they learn.

    Args:
        model: a miniature, whose new layers are drawn by torch's seed.
        layers: in the end.
    """
    from torch.nn.init import normal_, zeros_
    from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLTextDecoderLayer

    text = model.model.language_model
    for index in range(len(text.layers), layers):
        layer = Qwen3VLTextDecoderLayer(text.config, index)
        for name, weight in layer.named_parameters():
            if weight.ndim == 2:
                adds = name.startswith(("self_attn.o_proj", "mlp.down_proj"))
                zeros_(weight) if adds else normal_(weight, std=weight.shape[1] ** -0.5)
        layer.compile(dynamic=True)
        text.layers.append(layer)
    text.config.num_hidden_layers = layers  # the same object as the whole model's text_config
