"""How far a training is: a line now and then, and the weights so far."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from transformers import Qwen3VLForConditionalGeneration

TOLD_EVERY: Final = 50
"""Steps."""


class Progress:
    """Tells of the steps of one process, and saves: the first of them does, the others do nothing.

    Args:
        rank: of the process.
        role: of the model.
        steps: of this training, or of this part of it.
        folder: of the model.
        save_every: steps.
        say: takes a line.
    """

    def __init__(
        self,
        rank: int,
        role: str,
        steps: range,
        *,
        folder: Path,
        save_every: int,
        say: Callable[[str], None],
    ) -> None:
        self._first, self._role, self._steps = rank == 0, role, steps
        self._folder, self._save_every, self._say = folder, save_every, say
        self._losses: list[float] = []
        self._began = time.monotonic()

    def __call__(self, model: "Qwen3VLForConditionalGeneration", loss: float) -> None:
        """A step was done.

        Args:
            model: as it is now.
            loss: of the step.
        """
        if not self._first:
            return
        self._losses.append(loss)
        done, all_steps = len(self._losses), len(self._steps)
        if done % TOLD_EVERY == 0:
            left = (time.monotonic() - self._began) / done * (all_steps - done)
            mean = sum(self._losses[-TOLD_EVERY:]) / TOLD_EVERY
            self._say(
                f"{self._role} step {self._steps.start + done}/{self._steps.stop} "
                f"loss {mean:.4f}, {left / 60:.0f} min left"
            )
        if done % self._save_every == 0 or done == all_steps:
            model.save_pretrained(self._folder)
