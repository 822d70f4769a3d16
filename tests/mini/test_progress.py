"""A training tells how far it is, saves on the way, and goes through its phases in their order."""

from itertools import groupby
from pathlib import Path

import pytest

from tte2_ray.mini.curriculum import ALL, DRILL, LOOKED, SIGNS, TOLD
from tte2_ray.mini.judge import JudgeTraining
from tte2_ray.mini.looks import LAST, LOOKS, SMALL_PRINT
from tte2_ray.mini.progress import Progress
from tte2_ray.mini.rewriter import RewriterTraining


class Model:
    """What is saved."""

    def __init__(self) -> None:
        self.saved: list[Path] = []

    def save_pretrained(self, folder: Path) -> None:
        self.saved.append(folder)


def told(rank: int, steps: range, save_every: int) -> tuple[list[str], list[Path]]:
    """The lines and the saves of a training whose loss is the number of its step."""
    lines, model = list[str](), Model()
    progress = Progress(rank, "judge", steps, folder=Path("made"), save_every=save_every,
                        say=lines.append)  # fmt: skip
    for step in steps:
        progress(model, float(step))  # type: ignore[arg-type]
    return lines, model.saved


def test_a_part_of_a_training_tells_its_steps_among_all() -> None:
    lines, saved = told(0, range(400, 520), 50)
    assert [line.split(",")[0] for line in lines] == [
        "judge step 450/520 loss 424.5000",
        "judge step 500/520 loss 474.5000",
    ]
    assert len(saved) == 3, "twice on the way, and at its end"


def test_other_processes_say_and_save_nothing() -> None:
    assert told(1, range(120), 50) == ([], [])


@pytest.mark.parametrize(("training", "phases"), [
    (JudgeTraining(phases=(3, 2), steps=9, last_steps=(2, 4)),
     [(DRILL, 3), (TOLD, 2), (ALL, 4), (LOOKED, 2), (SIGNS, 4)]),
    (JudgeTraining(phases=(30, 20), steps=4, last_steps=(2, 1)),
     [(DRILL, 4), (LOOKED, 2), (SIGNS, 1)]),
    (RewriterTraining(small_print=3, steps=5, last_steps=2),
     [(SMALL_PRINT, 3), (LOOKS, 2), (LAST, 2)]),
])  # fmt: skip
def test_lessons_come_in_phases(training, phases) -> None:
    steps = sum(count for _, count in phases)
    gone_through = groupby(map(training.kinds, range(steps)))
    assert [(kinds, len(list(each))) for kinds, each in gone_through] == phases
