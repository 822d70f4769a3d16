"""Trains the miniature judge: it goes on from the reasoner's weights."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from tte2_ray.mini.batch import IGNORED, Batch, Encoder
from tte2_ray.mini.curriculum import ALL, DRILL, LOOKED, SIGNS, TOLD, Kinds, judged_batch
from tte2_ray.mini.deeper import deepen
from tte2_ray.mini.marks import NO, YES
from tte2_ray.mini.mined import mine, mined_lessons
from tte2_ray.mini.optim import Optimizer, Schedule, buckets, launch
from tte2_ray.mini.progress import Progress
from tte2_ray.mini.reasoner import start_from, trainable

if TYPE_CHECKING:
    import torch
    from transformers import Qwen3VLForConditionalGeneration

    from tte2_ray.mini.lessons import Lesson
    from tte2_ray.mini.mined import Pair


@dataclass(frozen=True, kw_only=True)
class JudgeTraining:
    """How the judge is trained; the defaults made the committed weights."""

    phases: tuple[int, ...] = (1800, 800)
    """Steps with `DRILL`, then with `TOLD`."""
    steps: int = 4000
    """Of these; the others with `ALL`."""
    last_steps: tuple[int, ...] = (500, 400)
    """With `LOOKED`, then with `SIGNS`: after those, each on a schedule of its own."""
    layers: int = 7
    """From `TOLD` on; lookups are learned with the reasoner's four, in half the time."""
    mined_cases: int = 60
    """Of each task with a corpus, whose candidates the retriever ranks."""
    mined_top: int = 8
    """Candidates of each of them."""
    rate: float = 2e-3
    """Peak learning rate."""
    last_rate: float = 1e-3
    """Of the last steps."""
    weight: float = 1.0
    """Of the mean loss of a verdict, beside that of a mark that looks something up."""
    seed: int = 0
    processes: int = 2
    micro_batches: int = 2
    save_every: int = 500

    def kinds(self, step: int) -> Kinds:
        """Which lessons a batch of `step` holds."""
        if step < self.steps:
            left = self.steps - sum(self.phases)
            return _kinds_at(step, (DRILL, TOLD, ALL), (*self.phases, left))
        return _kinds_at(step - self.steps, (LOOKED, SIGNS), self.last_steps)


def _kinds_at(step: int, kinds: tuple[Kinds, ...], steps: tuple[int, ...]) -> Kinds:
    """Of kinds of lessons that are gone through one after the other, those at `step`."""
    ends = accumulate(steps)
    return next(each for each, end in zip(kinds, ends, strict=True) if step < end)


def train_judge(
    reasoner: Path,
    embedder: Path,
    folder: Path,
    training: JudgeTraining,
    say: Callable[[str], None],
) -> None:
    """Writes a trained judge to `folder`, which transformers and vLLM load.

    Args:
        reasoner: folder of the model that it starts from.
        embedder: folder of the retriever, whose first candidates it learns to tell apart.
        folder: made if missing.
        training: how.
        say: takes one line of progress now and then.
    """
    start_from(reasoner, folder)
    add_verdicts(folder)
    pairs = mine(embedder, training.seed, training.mined_cases, training.mined_top)
    say(f"judge: {len(pairs)} pairs mined")
    began = 0
    for steps, rate in ((training.steps, training.rate),
                        *((last, training.last_rate) for last in training.last_steps)):  # fmt: skip
        launch(_work, training.processes, folder, training, pairs, say,
               range(began, began + steps), rate)  # fmt: skip
        began += steps


def add_verdicts(folder: Path) -> None:
    """Makes one token each of the judge's two words; the embedding has rows to spare."""
    from tokenizers import AddedToken
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([AddedToken(w, special=False, normalized=False, single_word=True)
                          for w in (NO, YES)])  # fmt: skip
    tokenizer.save_pretrained(folder)


def _work(
    rank: int,
    folder: Path,
    training: JudgeTraining,
    pairs: "list[Pair]",
    say: Callable[[str], None],
    steps: range,
    rate: float,
) -> None:
    import torch
    from transformers import AutoTokenizer

    torch.set_num_threads(1)
    torch.manual_seed(training.seed)
    model = trainable(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoder = Encoder(tokenizer)
    verdicts = [encoder.ids(word)[0] for word in (NO, YES)]
    schedule = Schedule(steps=len(steps), rate=rate)
    optimizer = Optimizer(model, schedule)
    told = Progress(rank, "judge", steps, folder=folder, save_every=training.save_every, say=say)
    for done, step in enumerate(steps):
        if step == training.phases[0]:
            deepen(model, training.layers)
            optimizer = Optimizer(model, schedule)
        number = step * training.processes + rank
        kinds = training.kinds(step)
        lessons = judged_batch(training.seed, number, kinds)
        if kinds is not DRILL:
            lessons += mined_lessons(pairs, training.seed, number, kinds)
        loss = backward(model, encoder, lessons, verdicts, training)
        optimizer.step(done)
        told(model, loss)


def backward(
    model: "Qwen3VLForConditionalGeneration",
    encoder: Encoder,
    lessons: "list[Lesson]",
    verdicts: list[int],
    training: JudgeTraining,
) -> float:
    """Gradients of the mean loss of marks, and of verdicts; returns the latter."""
    batches = [
        encoder.batch(group) for group in buckets(lessons, encoder.length, training.micro_batches)
    ]
    spoken = sum(int((b.labels_RL != IGNORED).sum()) for b in batches)
    judged = sum(int(_is_verdict(b.labels_RL, verdicts).sum()) for b in batches)
    total = 0.0
    for batch in batches:
        words, verdict = losses(model, batch, verdicts)
        loss = words / max(1, spoken - judged) + training.weight * verdict / max(1, judged)
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(verdict.detach()) / max(1, judged)
    return total


def losses(
    model: "Qwen3VLForConditionalGeneration", batch: Batch, verdicts: list[int]
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Summed cross entropies: of marks among all words, of verdicts among the two."""
    import torch
    import torch.nn.functional as F

    hidden_RLH = model.model(**batch.inputs()).last_hidden_state[:, :-1]
    wanted_RL = batch.labels_RL[:, 1:]
    judged_RL = _is_verdict(wanted_RL, verdicts)
    said_RL = (wanted_RL != IGNORED) & ~judged_RL
    words = F.cross_entropy(model.lm_head(hidden_RLH[said_RL]), wanted_RL[said_RL], reduction="sum")
    scores_N2 = hidden_RLH[judged_RL] @ model.lm_head.weight[torch.tensor(verdicts)].T
    yes_N = (wanted_RL[judged_RL] == verdicts[1]).long()
    return words, F.cross_entropy(scores_N2, yes_N, reduction="sum")


def _is_verdict(labels_RL: "torch.Tensor", verdicts: list[int]) -> "torch.Tensor":
    return (labels_RL == verdicts[0]) | (labels_RL == verdicts[1])
