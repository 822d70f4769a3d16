"""What the judge's training goes through, in this order."""

import random
from collections.abc import Callable, Mapping

from tte2_ray.mini.hanging import looked_lesson, sign_lesson
from tte2_ray.mini.judged import (
    drill_lesson,
    seen_drill_lesson,
    seen_lesson,
    seen_pair_lesson,
    told_lesson,
    told_pair_lesson,
)
from tte2_ray.mini.lessons import Lesson
from tte2_ray.mini.truth import Split
from tte2_ray.mini.wanted import (
    answer_lesson,
    composed_lesson,
    label_lesson,
    moment_lesson,
    seen_composed_lesson,
)

Kinds = Mapping[Callable[[random.Random, Split], Lesson], int]
"""Kinds of lessons, and how many of each stand in a process's batch."""

DRILL: Kinds = {drill_lesson: 2, composed_lesson: 1, told_lesson: 1, moment_lesson: 1,
                label_lesson: 1, answer_lesson: 1, told_pair_lesson: 1}  # fmt: skip
"""To look things up and to compare them is learned first, from words alone, which are cheap.
Batches are small throughout: it takes many steps, not many lessons."""
TOLD: Kinds = {drill_lesson: 1, composed_lesson: 1, told_lesson: 3, moment_lesson: 1,
               label_lesson: 1, answer_lesson: 1, told_pair_lesson: 1}  # fmt: skip
"""Then to judge by it."""
ALL: Kinds = {drill_lesson: 1, composed_lesson: 1, told_lesson: 2, moment_lesson: 1,
              label_lesson: 1, answer_lesson: 1, told_pair_lesson: 1,
              seen_drill_lesson: 2, seen_lesson: 3, seen_composed_lesson: 1,
              seen_pair_lesson: 2}  # fmt: skip
"""With the candidates' media, too."""


LOOKED: Kinds = {looked_lesson: 5, drill_lesson: 1, composed_lesson: 1, told_lesson: 1,
                 moment_lesson: 1, answer_lesson: 1, told_pair_lesson: 1,
                 seen_drill_lesson: 1, seen_lesson: 1, seen_composed_lesson: 1,
                 seen_pair_lesson: 1}  # fmt: skip
"""At last to read what a look added, which few queries hang on. Among all else it was not learned:
tiny things and signs that a look told of moved no verdict (docs/log.md)."""
SIGNS: Kinds = {sign_lesson: 4, looked_lesson: 2, drill_lesson: 1, composed_lesson: 1,
                told_lesson: 1, moment_lesson: 1, answer_lesson: 1, told_pair_lesson: 1,
                seen_drill_lesson: 1, seen_lesson: 1, seen_composed_lesson: 1,
                seen_pair_lesson: 1}  # fmt: skip
"""And what a sign says, which too few of those hang on: tiny things moved verdicts by then."""


def judged_batch(seed: int, step: int, kinds: Kinds) -> list[Lesson]:
    """The lessons of one training step; the same for the same seed, step and kinds."""
    rng = random.Random(f"judged/{seed}/{step}")
    return [make(rng, "train") for make, count in kinds.items() for _ in range(count)]
