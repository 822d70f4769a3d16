"""Lessons as tensors are what the model's own processor would make of them."""

import random
from pathlib import Path

import pytest

from tte2_ray.mini import lessons
from tte2_ray.mini.batch import Encoder
from tte2_ray.mini.lessons import Lesson
from tte2_ray.mini.render import CLIP_FPS
from tte2_ray.prompts import user_message

MAKERS = tuple(lessons.LESSONS)


@pytest.mark.parametrize("make", MAKERS)
def test_a_branch_reads_as_the_processor_would_write_it(make, blank: Path) -> None:
    import torch
    from PIL import Image
    from transformers import AutoProcessor

    from tte2_ray.mini.reasoner import load_model

    processor = AutoProcessor.from_pretrained(blank)
    lesson = make(random.Random(3))
    alone = Lesson(media=lesson.media, branches=lesson.branches[:1])
    batch = Encoder(processor.tokenizer).batch([alone], answers=False)
    text, media = lesson.branches[0][0], lesson.media
    given: dict = {}
    if media is not None and media.timestamps_s:
        at = [t * CLIP_FPS for t in media.timestamps_s for _ in range(2)]
        described = {"fps": CLIP_FPS, "frames_indices": at, "total_num_frames": 24}
        given = {"videos": [media.pixels], "video_metadata": [described]}
        given["do_sample_frames"] = False
    elif media is not None:
        given = {"images": [Image.fromarray(media.pixels[0])]}
    turn = user_message(text, int("images" in given), int("videos" in given))
    prompt = processor.apply_chat_template([turn], add_generation_prompt=True, tokenize=False)
    wanted = processor(text=[prompt], return_tensors="pt", **given)
    assert torch.equal(batch.input_ids_RL, wanted.input_ids)
    places, _ = load_model(blank).model.get_rope_index(
        wanted.input_ids, wanted.mm_token_type_ids, wanted.get("image_grid_thw"),
        wanted.get("video_grid_thw"), wanted.attention_mask,
    )  # fmt: skip
    assert torch.equal(batch.position_ids_3RL, places)
    if "images" in given:
        assert torch.allclose(batch.images[0], wanted.pixel_values, atol=1e-6)
    if "videos" in given:
        assert torch.allclose(batch.videos[0], wanted.pixel_values_videos, atol=1e-6)


def test_every_kind_of_lesson_is_among_them() -> None:
    kinds = {make.__name__.removesuffix("_lesson") for make in MAKERS}
    assert kinds == {"scene", "crop", "clip", "page", "line", "text"}


def test_branches_that_share_a_picture_do_not_see_each_other(blank: Path) -> None:
    import torch
    from transformers import AutoTokenizer

    from tte2_ray.mini.reasoner import load_model

    torch.manual_seed(0)
    model = load_model(blank).eval()
    encoder = Encoder(AutoTokenizer.from_pretrained(blank))
    lesson = lessons.scene_lesson(random.Random(5))
    together = encoder.batch([lesson], answers=True)
    with torch.no_grad():
        shared = model(**together.inputs()).logits[0]
        for number, end in enumerate(together.last_RB[0]):
            alone = Lesson(media=lesson.media, branches=(lesson.branches[number],))
            single = encoder.batch([alone], answers=True)
            apart = model(**single.inputs()).logits[0, single.last_RB[0][0]]
            assert torch.allclose(shared[end], apart, atol=1e-4)
