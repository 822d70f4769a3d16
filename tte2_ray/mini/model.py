"""The miniature models before training: a small Qwen3-VL, its tokenizer, template and processors.

Everything is built with the classes that load the released Qwen3-VL models and saved with
`save_pretrained`, so that transformers and vLLM load a miniature as they would load those.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tte2_ray.ecr import plain
from tte2_ray.mini.asks import rewritten
from tte2_ray.mini.tasks import TASKS, make_case
from tte2_ray.prompts import REWRITE_INSTRUCTION, item_text, query_text

if TYPE_CHECKING:
    from transformers import Qwen2Tokenizer, Qwen3VLConfig, Qwen3VLProcessor

PATCH: Final = 8
MERGE: Final = 2
IMAGE_MAX_PIXELS: Final = 96 * 96
PAGE_MAX_PIXELS: Final = 96 * 128
FRAME_MAX_PIXELS: Final = 64 * 64
MIN_PIXELS: Final = 48 * 48
MAX_FRAMES: Final = 8
HIDDEN: Final = 128
CONTEXT: Final = 1024
VOCABULARY: Final = 832

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
MARKS = ("<think>", "</think>")

CHAT_TEMPLATE: Final = """\
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' }}
{%- if message.content is string %}{{- message.content }}{%- else %}
{%- for part in message.content %}
{%- if part.type == 'image' %}{{- '<|vision_start|><|image_pad|><|vision_end|>' }}
{%- elif part.type == 'video' %}{{- '<|vision_start|><|video_pad|><|vision_end|>' }}
{%- elif part.type == 'text' %}{{- part.text }}{%- endif %}
{%- endfor %}{%- endif %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""


def vocabulary_text(cases: int, seed: int) -> Iterator[str]:
    """Text that the tokenizer's merges are learned from: what the world says and asks."""
    rng = random.Random(f"vocabulary/{seed}")
    names = list(TASKS)
    for index in range(cases):
        case = make_case(names[index % len(names)], rng, "train", 2)
        yield case.query_ecr
        yield query_text(TASKS[case.task].instruction, case.text)
        yield item_text(case.positive.text)
        yield case.positive.ecr
        if case.asks and case.positive.truth is not None:
            shown = plain(case.positive.ecr)
            yield f"Query: {case.text}\nCandidate: {shown}\n{REWRITE_INSTRUCTION}"
            yield rewritten(case.asks, case.positive.truth, "item", sees=index % 2 == 0)
        yield f"<{rng.uniform(0, 9):.1f} seconds>"


def build_tokenizer(seed: int = 0) -> "Qwen2Tokenizer":
    """A byte-level BPE like Qwen's tokenizer: any text can be said, the world's briefly."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import AddedToken, Qwen2Tokenizer

    blank: Any = Qwen2Tokenizer()
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = blank._tokenizer.normalizer
    bpe.pre_tokenizer = blank._tokenizer.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(MARKS),
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = (
        t.replace("<think>", "\n").replace("</think>", "\n") for t in vocabulary_text(9000, seed)
    )
    bpe.train_from_iterator(texts, trainer)
    learned = json.loads(bpe.to_str())["model"]
    learned_merges: Any = [tuple(m) for m in learned["merges"]]
    tokenizer = Qwen2Tokenizer(
        vocab=learned["vocab"],
        merges=learned_merges,
        eos_token="<|im_end|>",
        additional_special_tokens=list(SPECIAL[1:]),
        model_max_length=CONTEXT,
        padding_side="left",
        chat_template=CHAT_TEMPLATE,
    )
    tokenizer.add_tokens([AddedToken(m, special=False, normalized=False) for m in MARKS])
    return tokenizer


def build_config(tokenizer: "Qwen2Tokenizer") -> "Qwen3VLConfig":
    """About 1.8 million parameters, in the Qwen3-VL architecture."""
    from transformers import Qwen3VLConfig

    ids: dict[str, Any] = {t: tokenizer.convert_tokens_to_ids(t) for t in SPECIAL}
    text = {
        # vLLM's CPU platform reads the architecture of the text part and stops without one.
        "architectures": ["Qwen3ForCausalLM"],
        "vocab_size": VOCABULARY,
        "hidden_size": HIDDEN,
        "intermediate_size": 3 * HIDDEN,
        "num_hidden_layers": 4,
        "num_attention_heads": HIDDEN // 32,
        "num_key_value_heads": HIDDEN // 32,
        "head_dim": 32,
        "max_position_embeddings": CONTEXT,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [6, 5, 5],
            "mrope_interleaved": True,
        },
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
    }
    vision = {
        "depth": 4,
        "hidden_size": 96,
        "intermediate_size": 288,
        "num_heads": 3,
        "patch_size": PATCH,
        "spatial_merge_size": MERGE,
        "temporal_patch_size": 2,
        "out_hidden_size": HIDDEN,
        "num_position_embeddings": 256,
        "deepstack_visual_indexes": [1],
    }
    return Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )


def build_processor(tokenizer: "Qwen2Tokenizer") -> "Qwen3VLProcessor":
    """Image and video processors with the miniature's patches and limits."""
    from transformers import Qwen2VLImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor

    shared = {
        "patch_size": PATCH,
        "merge_size": MERGE,
        "temporal_patch_size": 2,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    images = Qwen2VLImageProcessor(
        size={"shortest_edge": MIN_PIXELS, "longest_edge": PAGE_MAX_PIXELS}, **shared
    )
    videos = Qwen3VLVideoProcessor(
        size={"shortest_edge": MIN_PIXELS, "longest_edge": FRAME_MAX_PIXELS * MAX_FRAMES},
        fps=2, min_frames=2, max_frames=MAX_FRAMES, **shared,
    )  # fmt: skip
    return Qwen3VLProcessor(  # type: ignore[no-untyped-call]
        image_processor=images,
        tokenizer=tokenizer,
        video_processor=videos,
        chat_template=CHAT_TEMPLATE,
    )


def save_blank(folder: Path, seed: int = 0) -> None:
    """Writes tokenizer, processors and configuration, all that a folder needs but weights."""
    tokenizer = build_tokenizer(seed)
    build_processor(tokenizer).save_pretrained(folder)
    config = build_config(tokenizer)
    config.architectures = ["Qwen3VLForConditionalGeneration"]
    config.save_pretrained(folder)
