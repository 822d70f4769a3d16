"""Training moves the reasoner, on a few lessons of each kind."""

from pathlib import Path

import pytest

from tte2_ray.mini import reasoner
from tte2_ray.mini.batch import Encoder
from tte2_ray.mini.lessons import LESSONS, lesson_batch
from tte2_ray.mini.optim import Optimizer, Schedule
from tte2_ray.mini.reasoner import ReasonerTraining, backward, load_model, train_reasoner


def test_lessons_are_the_same_for_the_same_step_and_differ_between_steps() -> None:
    one, again, other = lesson_batch(0, 3), lesson_batch(0, 3), lesson_batch(0, 4)
    said = [[lesson.branches for lesson in batch] for batch in (one, again, other)]
    assert said[0] == said[1] != said[2]
    assert len(one) == sum(LESSONS.values())


def test_training_begins_with_nothing_where_a_model_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[bool] = []
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"of a run before")
    monkeypatch.setattr(reasoner, "launch", lambda *_: found.append(weights.exists()))
    train_reasoner(tmp_path, ReasonerTraining(steps=1), print)
    assert found == [False]


def test_the_loss_of_a_blank_model_falls(blank: Path) -> None:
    import torch
    from transformers import AutoTokenizer

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = load_model(blank)
    encoder = Encoder(AutoTokenizer.from_pretrained(blank))
    optimizer = Optimizer(model, Schedule(steps=10, rate=2e-3, warmup=1))
    lessons = lesson_batch(0, 0)[::6]
    losses = []
    for step in range(6):
        losses.append(backward(model, encoder, lessons, parts=1))
        optimizer.step(step)
    assert losses[-1] < losses[0] - 1.0
