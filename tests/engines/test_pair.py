"""What a judge reads, without vLLM: both forms by the model's template, media in their places."""

from typing import Any

import numpy as np
import pytest

from tests.engines.judges import picture
from tte2_ray.engines import JudgeConfig, ModelInput, resolve_model
from tte2_ray.engines.vllm.judge import require_verdicts
from tte2_ray.engines.vllm_input import pair_prompt
from tte2_ray.errors import ConfigError
from tte2_ray.media import DecodedVideo

IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
VIDEO = "<|vision_start|><|video_pad|><|vision_end|>"
RELEASED = JudgeConfig(form="qwen3-vl-reranker", instruction="Find it.")
# The text of the template that vLLM ships for the released model, qwen3_vl_reranker.jinja.
HEAD = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and "
    'the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
    "<|im_start|>user\n<Instruct>: Find it."
)
TAIL = "<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(resolve_model("mini:reasoner"))


def clip(shade: int) -> DecodedVideo:
    frames = np.full((2, 8, 8, 3), shade, np.uint8)
    return DecodedVideo(frames=frames, timestamps_s=(0.0, 0.5), frame_indices=(0, 1), fps=2.0,
                        duration_s=1.0, total_frames=2)  # fmt: skip


def test_the_plain_form_shows_the_candidate_then_the_query_in_words(tokenizer: Any) -> None:
    query = ModelInput(text="a star", images=[picture(1)], video=clip(1))
    candidate = ModelInput(text="a red star", images=[picture(0)], video=clip(0))
    prompt = pair_prompt(tokenizer, query, candidate, JudgeConfig())
    told = "Candidate: a red star\nQuery: a star\nDoes it match?"
    assert prompt["prompt"] == f"<|im_start|>user\n{IMAGE}{VIDEO}{told}{TAIL}"
    assert prompt["multi_modal_data"]["image"] == candidate.images
    ((frames, _),) = prompt["multi_modal_data"]["video"]
    assert frames is candidate.video.frames


def test_the_released_form_is_the_released_text(tokenizer: Any) -> None:
    prompt = pair_prompt(
        tokenizer, ModelInput(text="a star"), ModelInput(text="a red star"), RELEASED
    )
    expected = f"{HEAD}<Query>:a star\n<Document>:a red star{TAIL}"
    assert prompt == {"prompt": expected}


def test_the_released_form_shows_media_where_their_words_stand(tokenizer: Any) -> None:
    query = ModelInput(text="", images=[picture(1)])
    candidate = ModelInput(text="words", images=[picture(0), picture(2)], video=clip(0))
    prompt = pair_prompt(tokenizer, query, candidate, RELEASED)
    told = f"<Query>:{IMAGE}\n<Document>:{VIDEO}{IMAGE}{IMAGE}words"
    assert prompt["prompt"] == f"{HEAD}{told}{TAIL}"
    assert prompt["multi_modal_data"]["image"] == [*query.images, *candidate.images]


def test_the_released_form_says_of_nothing_that_it_is_nothing(tokenizer: Any) -> None:
    prompt = pair_prompt(tokenizer, ModelInput(text=""), ModelInput(text=""), RELEASED)
    assert prompt["prompt"] == f"{HEAD}<Query>:NULL\n<Document>:NULL{TAIL}"


def test_another_system_message_stands_instead(tokenizer: Any) -> None:
    for form in ("plain", "qwen3-vl-reranker"):
        config = JudgeConfig(form=form, system="Say yes or no.")
        prompt = pair_prompt(tokenizer, ModelInput(text="a"), ModelInput(text="b"), config)
        assert prompt["prompt"].startswith("<|im_start|>system\nSay yes or no.<|im_end|>\n")
        assert prompt["prompt"].count("<|im_start|>system") == 1


def test_a_model_that_cannot_answer_is_refused(tokenizer: Any) -> None:
    with pytest.raises(ConfigError, match=r"mini:reasoner cannot judge.*no token 'no'"):
        require_verdicts("mini:reasoner", tokenizer)
