"""Draws cases of any task."""

import random
from collections.abc import Callable

from tte2_ray.mini.tasks.case import Case
from tte2_ray.mini.tasks.page import visdoc_retrieval
from tte2_ray.mini.tasks.picture import (
    composed_retrieval,
    grounding,
    image_classification,
    image_retrieval,
)
from tte2_ray.mini.tasks.picture_qa import image_qa
from tte2_ray.mini.tasks.video import moment_retrieval, video_qa, video_retrieval
from tte2_ray.mini.truth import Split, Truth, sample_clip, sample_page, sample_scene

_SAMPLERS: dict[str, Callable[[random.Random, Split], Truth]] = {
    "image": sample_scene, "composed": sample_scene, "grounding": sample_scene,
    "video": sample_clip, "moment": sample_clip, "visdoc": sample_page,
}  # fmt: skip
# Each maker takes the kind of truth that `_SAMPLERS` draws for it.
_MAKERS: dict[str, Callable[..., Case | None]] = {
    "image_classification": image_classification,
    "image_qa": image_qa,
    "image_retrieval": image_retrieval,
    "composed_retrieval": composed_retrieval,
    "grounding": grounding,
    "video_retrieval": video_retrieval,
    "video_qa": video_qa,
    "moment_retrieval": moment_retrieval,
    "visdoc_retrieval": visdoc_retrieval,
}


def make_case(task: str, rng: random.Random, split: Split, negatives: int = 4) -> Case:
    """A case of `task` with at least two near-misses.

    Args:
        task: a key of `TASKS`.
        rng: where all chance comes from.
        split: train and dev never hold a held-out combination.
        negatives: near-misses wanted.
    """
    while True:
        case = case_about(None, task, rng, split, negatives)
        if case is not None and len(case.negatives) >= 2:
            return case


def case_about(
    truth: Truth | None, task: str, rng: random.Random, split: Split, negatives: int = 4
) -> Case | None:
    """A case of `task` about `truth` (sampled if None), or None where the question drawn has no
    answer in it."""
    if truth is None:
        truth = _SAMPLERS[task.split("_")[0]](rng, split)
    return _MAKERS[task](truth, rng, split, negatives)
