"""Trains the miniature rewriter (QAR): it goes on from the reasoner's weights, with looks alone."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tte2_ray.mini.batch import Encoder
from tte2_ray.mini.looks import LOOKS, SMALL_PRINT, look_batch
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
    rate: float = 2.5e-3
    """Peak learning rate."""
    seed: int = 0
    processes: int = 2
    micro_batches: int = 2
    save_every: int = 250


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
    launch(_work, training.processes, folder, training, say)


def _work(rank: int, folder: Path, training: RewriterTraining, say: Callable[[str], None]) -> None:
    import torch
    from transformers import AutoTokenizer

    torch.set_num_threads(1)
    torch.manual_seed(training.seed)
    model = trainable(folder)
    encoder = Encoder(AutoTokenizer.from_pretrained(folder))
    optimizer = Optimizer(model, Schedule(steps=training.steps, rate=training.rate))
    told = Progress(rank, "rewriter", range(training.steps), folder=folder,
                    save_every=training.save_every, say=say)  # fmt: skip
    for step in range(training.steps):
        kinds = SMALL_PRINT if step < training.small_print else LOOKS
        lessons = look_batch(training.seed, step * training.processes + rank, kinds)
        loss = backward(model, encoder, lessons, training.micro_batches)
        optimizer.step(step)
        told(model, loss)
