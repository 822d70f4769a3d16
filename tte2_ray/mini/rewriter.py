"""Trains the miniature rewriter (QAR): it goes on from the reasoner's weights, with looks alone."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tte2_ray.mini.batch import Encoder
from tte2_ray.mini.lessons import Kinds
from tte2_ray.mini.looks import LAST, LOOKS, SMALL_PRINT, look_batch
from tte2_ray.mini.optim import Optimizer, Schedule, launch
from tte2_ray.mini.progress import Progress
from tte2_ray.mini.reasoner import backward, start_from, trainable


@dataclass(frozen=True, kw_only=True)
class RewriterTraining:
    """How the rewriter is trained; the defaults made the committed weights."""

    small_print: int = 800
    """Steps with `SMALL_PRINT`."""
    steps: int = 3500
    """Of these, and with `LOOKS` after them."""
    last_steps: int = 700
    """With `LAST`, after those and on a schedule of their own."""
    rate: float = 2.5e-3
    """Peak learning rate."""
    last_rate: float = 2e-3
    """Of the last steps."""
    seed: int = 0
    processes: int = 2
    micro_batches: int = 2
    save_every: int = 250

    def kinds(self, step: int) -> Kinds:
        """Which lessons a batch of `step` holds."""
        if step >= self.steps:
            return LAST
        return SMALL_PRINT if step < self.small_print else LOOKS


def train_rewriter(
    reasoner: Path, folder: Path, training: RewriterTraining, say: Callable[[str], None]
) -> None:
    """Writes a trained rewriter to `folder`, which transformers and vLLM load.

    Args:
        reasoner: folder of the model that it starts from.
        folder: made if missing.
        training: how.
        say: takes one line of progress now and then.
    """
    start_from(reasoner, folder)
    last = training.steps + training.last_steps
    for steps, rate in ((range(training.steps), training.rate),
                        (range(training.steps, last), training.last_rate)):  # fmt: skip
        launch(_work, training.processes, folder, training, say, steps, rate)


def _work(
    rank: int,
    folder: Path,
    training: RewriterTraining,
    say: Callable[[str], None],
    steps: range,
    rate: float,
) -> None:
    import torch
    from transformers import AutoTokenizer

    torch.set_num_threads(1)
    torch.manual_seed(training.seed)
    model = trainable(folder)
    encoder = Encoder(AutoTokenizer.from_pretrained(folder))
    optimizer = Optimizer(model, Schedule(steps=len(steps), rate=rate))
    told = Progress(rank, "rewriter", steps, folder=folder, save_every=training.save_every, say=say)
    for done, step in enumerate(steps):
        number = step * training.processes + rank
        lessons = look_batch(training.seed, number, training.kinds(step))
        loss = backward(model, encoder, lessons, training.micro_batches)
        optimizer.step(done)
        told(model, loss)
