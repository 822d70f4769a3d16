"""Train, dev and test share no scene: what one of them shows, another never does."""

from collections.abc import Iterable
from typing import Any, get_args

import pytest

from tte2_ray.mini import lessons, sight
from tte2_ray.mini.embedder import case_batch
from tte2_ray.mini.tasks import TASKS, Case
from tte2_ray.mini.truth import Clip, Page, Scene, Split, Truth
from tte2_ray.mini.world import candidates_of


def truths(cases: Iterable[Case]) -> set[Truth]:
    """All that is seen in cases, near-misses included."""
    seen = {c.media for c in cases} | {o.truth for c in cases for o in (c.positive, *c.negatives)}
    return {truth for truth in seen if truth is not None}


def world(seed: int, split: Split) -> set[Truth]:
    """What the first queries of a world bring into it."""
    return truths(
        [candidates_of(task, seed, split, number).case for task in TASKS for number in range(10)]
    )


def batches(seed: int, split: Split) -> set[Truth]:
    """What embedders learn from, and are measured on."""
    return truths([case for step in range(10) for case in case_batch(seed, step, 1, split)])


def taught(seed: int, monkeypatch: pytest.MonkeyPatch) -> set[Truth]:
    """What a reasoner is taught about: all that its lessons sample."""
    found: set[Truth] = set()

    def recorded(real: Any) -> Any:
        def sample(*given: Any) -> Truth:
            truth: Truth = real(*given)
            found.add(truth)
            return truth

        return sample

    for name in ("sample_scene", "sample_clip", "sample_page"):
        monkeypatch.setattr(lessons, name, recorded(getattr(lessons, name)))
    monkeypatch.setattr(sight, "sample_scene", recorded(sight.sample_scene))
    for step in range(3):
        lessons.lesson_batch(seed, step)
        sight.SightTraining(pictures=8).sights(seed, step)
    return found


@pytest.mark.parametrize("seed", [0, 1])
def test_no_scene_of_a_split_is_in_another(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = taught(seed, monkeypatch)
    train = world(seed, "train") | batches(seed, "train") | lesson
    dev = world(seed, "dev") | batches(seed, "dev")
    test = world(seed, "test")
    assert set(get_args(Split)) == {"train", "dev", "test"}
    assert len(lesson) > 40
    for split in (train, dev, test):
        assert len(split) > 200
    for kinds in (lesson, train, dev, test):
        assert {type(truth) for truth in kinds} == {Scene, Clip, Page}
    assert not train & dev
    assert not train & test
    assert not dev & test


def test_dev_cases_are_not_those_of_training() -> None:
    def answers(split: Split) -> set[Truth]:
        cases = case_batch(0, 0, 3, split)
        return {c.positive.truth for c in cases if c.positive.truth is not None}

    assert len(answers("dev")) > 10
    assert not answers("dev") & answers("train")
