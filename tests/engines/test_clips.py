"""What a model is told of a clip, read back from transformers' own Qwen3-VL processor: no vLLM."""

import re
from typing import Any

import numpy as np
import pytest

from tests.media import files
from tte2_ray.engines import ModelInput, resolve_model
from tte2_ray.engines.vllm_input import chat_prompt
from tte2_ray.media import DecodedVideo, MediaLimits
from tte2_ray.media.video import decode_video
from tte2_ray.mini.batch import patches


@pytest.fixture(scope="module")
def processor() -> Any:
    from transformers import AutoProcessor

    loader: Any = AutoProcessor
    return loader.from_pretrained(resolve_model("mini:reasoner"))


def decoded(data: bytes, **limits: Any) -> DecodedVideo:
    return decode_video(
        data, "a.mp4", MediaLimits(**{"max_frames": 32, "frame_max_pixels": 512 * 512} | limits)
    )[0]


def processed(processor: Any, video: DecodedVideo) -> tuple[Any, list[float]]:
    """What the processor makes of the prompt, and the times that it wrote, in seconds."""
    prompt = chat_prompt(processor.tokenizer, ModelInput(text="What is it?", video=video))
    ((frames, described),) = prompt["multi_modal_data"]["video"]
    sampled = described.pop("do_sample_frames")
    made = processor(
        text=[prompt["prompt"]],
        videos=[frames],
        video_metadata=[described],
        do_sample_frames=sampled,
        return_tensors="pt",
    )
    told = re.findall(r"<([\d.]+) seconds>", processor.decode(made["input_ids"][0]))
    return made, [float(time) for time in told]


@pytest.mark.parametrize(("frames", "time_s"), [(1, 0.0), (2, 0.0), (12, 0.2), (17, 0.3)])
def test_a_clip_of_less_than_a_second_is_one_pair_of_frames(
    processor: Any, frames: int, time_s: float
) -> None:
    made, times_s = processed(processor, decoded(files.clip(frames)))
    assert made["video_grid_thw"][0][0] == 1
    assert times_s == [time_s]


def test_a_lone_frame_is_shown_twice_as_in_training_and_at_its_own_time(processor: Any) -> None:
    video = decoded(files.clip(73, width=64), max_frames=1)
    made, times_s = processed(processor, video)
    values, grid = patches(video.frames)
    assert len(video.frames) == 1
    assert made["video_grid_thw"][0].tolist() == list(grid)
    assert made["pixel_values_videos"].numpy() == pytest.approx(values, abs=1e-6)
    assert times_s == [1.5]


def test_times_are_true_where_the_rate_varies(processor: Any) -> None:
    video = decoded(files.variable_rate_clip(), max_frames=10)
    _, times_s = processed(processor, video)
    true_s = np.reshape(video.timestamps_s, (-1, 2)).mean(axis=1)
    # An index is whole: half of the mean time between frames, and the rounding of the prompt.
    assert times_s == pytest.approx(true_s.tolist(), abs=0.5 / video.fps + 0.05)
