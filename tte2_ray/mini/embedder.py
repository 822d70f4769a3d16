"""Trains the miniature embedders: think-then-embed, and the direct baseline.

Both start from the reasoner's weights and see the same cases in the same order for the same number
of steps at the same rate; they differ only in whether the ECR stands behind the input, and with it
in its slips (TTE-v2: `h = pool(embedder(input, instruction, ECR))`, last token, L2-normalised).

Letters: Q queries, C candidates of the batch, D values of a vector.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tte2_ray.mini.batch import Encoder
from tte2_ray.mini.edits import change
from tte2_ray.mini.edits.scene import with_thing
from tte2_ray.mini.edits.things import restyle
from tte2_ray.mini.lessons import Lesson
from tte2_ray.mini.media import see
from tte2_ray.mini.optim import Optimizer, Schedule, buckets, launch
from tte2_ray.mini.progress import Progress
from tte2_ray.mini.reasoner import start_from, trainable
from tte2_ray.mini.tasks import TASKS, Candidate, Case, make_case
from tte2_ray.mini.truth import Scene, Split
from tte2_ray.prompts import item_text, query_text

if TYPE_CHECKING:
    import torch
    from transformers import Qwen3VLForConditionalGeneration


@dataclass(frozen=True, kw_only=True)
class EmbedderTraining:
    """How an embedder is trained; the defaults made the committed weights."""

    reads_ecr: bool = True
    """Think-then-embed; False trains the direct baseline."""
    steps: int = 800
    rate: float = 1e-3
    """Peak learning rate."""
    temperature: float = 0.02
    """Of InfoNCE (TTE)."""
    cases: int = 2
    """Of each task in a process's batch."""
    negatives: int = 2
    """Near-misses of each case that are embedded beside the in-batch negatives."""
    slips: float = 0.15
    """Share of the ECRs of candidates with media, and of composed pictures, that have one thing
    wrong, as a reasoner's have: the embedder must not trust them blindly."""
    seed: int = 0
    processes: int = 2
    micro_batches: int = 4
    save_every: int = 100


def train_embedder(
    reasoner: Path, folder: Path, training: EmbedderTraining, say: Callable[[str], None]
) -> None:
    """Writes a trained embedder to `folder`, with the reasoner's tokenizer and processors.

    Args:
        reasoner: folder of the model that it starts from.
        folder: made if missing.
        training: how.
        say: takes one line of progress now and then.
    """
    start_from(reasoner, folder)
    launch(_work, training.processes, folder, training, say)


def query_lesson(case: Case, rng: random.Random, slips: float = 0.0) -> Lesson:
    """The query as the embedder reads it; its ECR errs with probability `slips` where it describes
    a picture that nobody has seen yet."""
    media = see(case.media, rng) if case.media is not None else None
    text = query_text(TASKS[case.task].instruction, case.text)
    said = case.query_ecr
    if case.task == "composed_retrieval" and rng.random() < slips:
        said = slipped(case.positive, rng).ecr
    return Lesson(media=media, branches=((text, said),))


def item_lesson(candidate: Candidate, rng: random.Random, slips: float = 0.0) -> Lesson:
    """The candidate as the embedder reads it; its ECR errs with probability `slips`."""
    media = see(candidate.truth, rng, candidate.crop) if candidate.truth is not None else None
    said = slipped(candidate, rng).ecr if rng.random() < slips else candidate.ecr
    return Lesson(media=media, branches=((item_text(candidate.text), said),))


def slipped(candidate: Candidate, rng: random.Random) -> Candidate:
    """The candidate as a reasoner may mistake it: by one small change."""
    truth = candidate.truth
    if truth is None:
        return candidate
    if isinstance(truth, Scene) and candidate.crop >= 0:
        thing = restyle(rng, truth.things[candidate.crop], "train")
        return replace(candidate, truth=with_thing(truth, candidate.crop, thing) or truth)
    return replace(candidate, truth=change(rng, truth, "train") or truth)


def case_batch(seed: int, step: int, each: int, split: Split = "train") -> list[Case]:
    """The cases of one training step, `each` of every task."""
    rng = random.Random(f"cases/{split}/{seed}/{step}")
    return [make_case(task, rng, split) for task in TASKS for _ in range(each)]


def info_nce(
    queries_QD: "torch.Tensor",
    candidates_CD: "torch.Tensor",
    same_QC: "torch.Tensor",
    temperature: float,
) -> "torch.Tensor":
    """One-directional InfoNCE; candidate q is the positive of query q.

    Args:
        queries_QD: unit vectors.
        candidates_CD: unit vectors, the positives first.
        same_QC: candidates that say the same as the positive: masked, they are no negatives.
        temperature: 0.02 in TTE.
    """
    import torch
    import torch.nn.functional as F

    scores_QC = queries_QD @ candidates_CD.T / temperature
    own_Q = torch.arange(len(queries_QD))
    masked = same_QC.clone()
    masked[own_Q, own_Q] = False
    return F.cross_entropy(scores_QC.masked_fill(masked, float("-inf")), own_Q)


def embed(
    model: "Qwen3VLForConditionalGeneration",
    encoder: Encoder,
    lessons: Sequence[Lesson],
    reads_ecr: bool,
    parts: int,
) -> "torch.Tensor":
    """Unit vectors of lessons with one branch each, in their order."""
    import torch
    import torch.nn.functional as F

    numbered = list(enumerate(lessons))
    order: list[int] = []
    vectors = []
    for group in buckets(numbered, lambda pair: encoder.length(pair[1]), parts):
        batch = encoder.batch([lesson for _, lesson in group], answers=reads_ecr)
        hidden_RLH = model.model(**batch.inputs()).last_hidden_state
        last_R = torch.tensor([ends[0] for ends in batch.last_RB])
        vectors.append(F.normalize(hidden_RLH[torch.arange(len(group)), last_R], dim=-1))
        order += [number for number, _ in group]
    back = torch.empty(len(order), dtype=torch.long)
    back[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(vectors)[back]


def _work(rank: int, folder: Path, training: EmbedderTraining, say: Callable[[str], None]) -> None:
    import torch
    from transformers import AutoTokenizer

    torch.set_num_threads(1)
    torch.manual_seed(training.seed)
    model = trainable(folder)
    encoder = Encoder(AutoTokenizer.from_pretrained(folder))
    schedule = Schedule(steps=training.steps, rate=training.rate, warmup=40)
    optimizer = Optimizer(model, schedule)
    told = Progress(rank, "embedder", range(training.steps), folder=folder,
                    save_every=training.save_every, say=say)  # fmt: skip
    for step in range(training.steps):
        number = step * training.processes + rank
        cases = case_batch(training.seed, number, training.cases)
        rng = random.Random(f"looks/{training.seed}/{number}")
        loss = _case_loss(model, encoder, cases, rng, training)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step(step)
        told(model, float(loss.detach()))


def _case_loss(
    model: "Qwen3VLForConditionalGeneration",
    encoder: Encoder,
    cases: Sequence[Case],
    rng: random.Random,
    training: EmbedderTraining,
) -> "torch.Tensor":
    import torch

    candidates = [case.positive for case in cases]
    for case in cases:
        candidates += rng.sample(case.negatives, training.negatives)
    lessons = [query_lesson(case, rng, training.slips) for case in cases]
    lessons += [item_lesson(candidate, rng, training.slips) for candidate in candidates]
    vectors = embed(model, encoder, lessons, training.reads_ecr, training.micro_batches)
    queries_QD, candidates_CD = vectors[: len(cases)], vectors[len(cases) :]
    said = [(c.text, c.ecr) for c in candidates]
    same_QC = torch.tensor([[own == each for each in said] for own in said[: len(cases)]])
    # A near-miss in fine detail has the ECR of the positive: it stays a negative of its own query.
    for q in range(len(cases)):
        for n in range(training.negatives):
            same_QC[q, len(cases) + q * training.negatives + n] = False
    return info_nce(queries_QD, candidates_CD, same_QC, training.temperature)
