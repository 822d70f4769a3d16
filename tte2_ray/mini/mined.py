"""Negatives for the judge: what the retriever itself puts near the answer, on training seeds.

Cases of the tasks with a corpus bring their candidates into one pool for each task; the embedder
ranks a pool for each query, and the first of every order that do not answer it are what the
cascade will hand to the judge.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tte2_ray.mini.asks import all_hold, told_hold
from tte2_ray.mini.batch import Encoder
from tte2_ray.mini.curriculum import ALL, Kinds
from tte2_ray.mini.embedder import embed, item_lesson, query_lesson
from tte2_ray.mini.judged import pair_lesson
from tte2_ray.mini.lessons import Lesson
from tte2_ray.mini.reasoner import load_model
from tte2_ray.mini.tasks import TASKS, Candidate, Case, make_case

if TYPE_CHECKING:
    import torch

TASKS_WITH_CORPUS: Final = tuple(t.name for t in TASKS.values() if t.pool == "corpus")
_AT_ONCE: Final = 24


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A query and one of the items that the retriever found for it."""

    case: Case
    candidate: Candidate
    answers: bool

    @property
    def told(self) -> bool:
        """Whether it answers as far as its ECR tells."""
        if not self.case.asks or self.candidate.truth is None:
            return self.answers
        return told_hold(self.case.asks, self.candidate.truth)


def mine(embedder: Path, seed: int, cases: int, top: int) -> list[Pair]:
    """The first `top` candidates of each query, with its answer among them.

    Args:
        embedder: folder of the retriever.
        seed: of the cases; they are of the training split.
        cases: of each task with a corpus.
        top: candidates of each query.
    """
    import torch
    from transformers import AutoTokenizer

    model = load_model(embedder)
    model.train(False)
    encoder = Encoder(AutoTokenizer.from_pretrained(embedder))
    pairs: list[Pair] = []
    for task in TASKS_WITH_CORPUS:
        rng = random.Random(f"mined/{seed}/{task}")
        asked = [make_case(task, rng, "train") for _ in range(cases)]
        pool = [candidate for case in asked for candidate in (case.positive, *case.negatives)]
        lessons = [query_lesson(case, rng) for case in asked]
        lessons += [item_lesson(candidate, rng) for candidate in pool]
        with torch.inference_mode():
            vectors_VD = torch.cat([
                embed(model, encoder, lessons[i : i + _AT_ONCE], True, parts=1)
                for i in range(0, len(lessons), _AT_ONCE)
            ])  # fmt: skip
        scores_QC = vectors_VD[:cases] @ vectors_VD[cases:].T
        pairs += _first(asked, pool, scores_QC, top)
    return pairs


def _first(
    asked: Sequence[Case], pool: Sequence[Candidate], scores_QC: "torch.Tensor", top: int
) -> list[Pair]:
    found = []
    for case, scores_C in zip(asked, scores_QC, strict=True):
        best = [pool[int(c)] for c in scores_C.topk(top).indices]
        chosen = best if case.positive in best else [case.positive, *best[:-1]]
        found += [Pair(case=case, candidate=one, answers=answers(case, one)) for one in chosen]
    return found


def answers(case: Case, candidate: Candidate) -> bool:
    """Whether an item of a pool answers the query of a case, whoever brought it there."""
    if case.asks:
        return candidate.truth is not None and all_hold(case.asks, candidate.truth)
    return candidate == case.positive


def mined_lessons(pairs: Sequence[Pair], seed: int, step: int, kinds: Kinds) -> list[Lesson]:
    """Some of the pairs as the judge reads them; with the candidates' media where `kinds` has
    lessons with media."""
    rng = random.Random(f"mined/{seed}/{step}")
    modes = (False, True) if kinds is ALL else (False, False)
    chosen = [(rng.choice(pairs), sees) for sees in modes]
    return [pair_lesson(p.case, p.candidate, rng, sees, p.answers if sees else p.told)
            for p, sees in chosen]  # fmt: skip
