"""Trains the miniature reasoner from nothing on lessons of the generated world."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tte2_ray.mini.batch import IGNORED, Batch, Encoder
from tte2_ray.mini.lessons import ECRS, LESSONS, PAGES, PRINT, Kinds, Lesson, lesson_batch
from tte2_ray.mini.model import save_blank
from tte2_ray.mini.optim import Optimizer, Schedule, buckets, launch
from tte2_ray.mini.progress import Progress
from tte2_ray.mini.sight import Sights, SightTraining, train_sight

if TYPE_CHECKING:
    import torch
    from transformers import Qwen3VLForConditionalGeneration


@dataclass(frozen=True, kw_only=True)
class ReasonerTraining:
    """How the reasoner is trained; the defaults made the committed weights."""

    sight: SightTraining = field(default_factory=SightTraining)
    """Of the vision tower, before all else."""
    phases: tuple[int, ...] = (300, 500, 500)
    """Steps with `PRINT`, then with `PAGES`, then with `ECRS`."""
    steps: int = 3300
    """Of these phases and with all kinds of lessons after them."""
    rate: float = 2.5e-3
    """Peak learning rate."""
    seed: int = 0
    processes: int = 2
    """Each with one thread and a batch of its own; gradients are averaged."""
    micro_batches: int = 3
    """Groups of rows of alike length in a process's batch."""
    save_every: int = 200
    """Steps between checkpoints."""

    def kinds(self, step: int) -> Kinds:
        """Which lessons a batch of `step` holds."""
        for kinds, steps in zip((PRINT, PAGES, ECRS), self.phases, strict=True):
            if step < steps:
                return kinds
            step -= steps
        return LESSONS


def train_reasoner(folder: Path, training: ReasonerTraining, say: Callable[[str], None]) -> None:
    """Writes a trained reasoner to `folder`, which transformers and vLLM load.

    Args:
        folder: made if missing; holds weights, configuration, tokenizer and processors.
        training: steps, rate, seed and processes.
        say: takes one line of progress now and then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").unlink(missing_ok=True)  # from nothing, not from what was there
    save_blank(folder, training.seed)
    launch(_work, training.processes, folder, training, say)


def start_from(reasoner: Path, folder: Path) -> None:
    """Makes a folder of a model that goes on from the reasoner's weights, tokenizer and processors.

    Args:
        reasoner: folder of the model that it starts from; its provenance stays there.
        folder: made if missing.
    """
    shutil.copytree(reasoner, folder, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("provenance.json"))  # fmt: skip


def load_model(folder: Path) -> "Qwen3VLForConditionalGeneration":
    """The model in `folder`, or one with fresh weights if there are none yet."""
    from transformers import AutoConfig, Qwen3VLForConditionalGeneration

    if (folder / "model.safetensors").exists():
        return Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype="float32")
    config = AutoConfig.from_pretrained(folder)
    return Qwen3VLForConditionalGeneration(config)  # type: ignore[no-untyped-call]


def trainable(folder: Path) -> "Qwen3VLForConditionalGeneration":
    """The model in `folder`, ready to be trained at its fastest."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # one for each checkpoint
    model = load_model(folder)
    model.train()
    for layer in model.model.language_model.layers:
        layer.compile(dynamic=True)  # a sixth less time a step; the vision tower gains nothing
    return model


def _work(rank: int, folder: Path, training: ReasonerTraining, say: Callable[[str], None]) -> None:
    import torch
    from transformers import AutoTokenizer

    torch.set_num_threads(1)
    torch.manual_seed(training.seed)
    model = trainable(folder)

    def sights_of(step: int) -> Sights:
        return training.sight.sights(training.seed, step, rank, training.processes)

    tell = say if rank == 0 else lambda _: None
    train_sight(model.model.visual, training.sight, sights_of, tell)
    encoder = Encoder(AutoTokenizer.from_pretrained(folder))
    schedule = Schedule(steps=training.steps, rate=training.rate)
    optimizer = Optimizer(model, schedule)
    told = Progress(rank, "reasoner", range(training.steps), folder=folder,
                    save_every=training.save_every, say=say)  # fmt: skip
    for step in range(training.steps):
        number = step * training.processes + rank
        lessons = lesson_batch(training.seed, number, training.kinds(step))
        loss = backward(model, encoder, lessons, training.micro_batches)
        optimizer.step(step)
        told(model, loss)


def backward(
    model: "Qwen3VLForConditionalGeneration", encoder: Encoder, lessons: list[Lesson], parts: int
) -> float:
    """Gradients of the mean loss over all answer tokens of the batch; returns that loss."""
    groups = list(buckets(lessons, encoder.length, parts))
    batches = [encoder.batch(g) for g in groups]
    tokens = sum(int((b.labels_RL != IGNORED).sum()) for b in batches)
    total = 0.0
    for batch in batches:
        loss = answer_loss(model, batch) / tokens
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
    return total


def answer_loss(model: "Qwen3VLForConditionalGeneration", batch: Batch) -> "torch.Tensor":
    """The summed cross entropy of the answer tokens; only their logits are computed."""
    import torch.nn.functional as F

    hidden_RLH = model.model(**batch.inputs()).last_hidden_state
    wanted_RL = batch.labels_RL[:, 1:]
    spoken_RL = wanted_RL != IGNORED
    logits_NV = model.lm_head(hidden_RLH[:, :-1][spoken_RL])
    return F.cross_entropy(logits_NV, wanted_RL[spoken_RL], reduction="sum")
