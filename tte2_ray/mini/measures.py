"""What a trained miniature can do on dev scenes: the measures beside its weights.

They are quick and need no engine. What the models do through vLLM, on test scenes, is measured by
`benchmarks/mini_eval/`.
"""

import random
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from tte2_ray.mini.asks import told_hold
from tte2_ray.mini.batch import IGNORED, Encoder
from tte2_ray.mini.embedder import case_batch, embed, item_lesson, query_lesson
from tte2_ray.mini.judged import pair_lesson
from tte2_ray.mini.lessons import LESSONS, Kinds, Lesson
from tte2_ray.mini.looks import LOOKS
from tte2_ray.mini.marks import NO, YES
from tte2_ray.mini.reasoner import load_model
from tte2_ray.mini.tasks import Candidate, Case

if TYPE_CHECKING:
    from transformers import Qwen3VLForConditionalGeneration

SEED = 0
"""Of the dev scenes."""
LESSONS_EACH = 64
"""Of each kind of lesson."""
CASES_EACH = 24
"""Of each task."""
_ROWS = 8


class Measure(TypedDict):
    """One measure of a model on dev scenes."""

    name: str
    value: float
    n: int


def reasoner_measures(folder: Path, each: int = LESSONS_EACH) -> list[Measure]:
    """Share of the tokens of a perfect ECR that the reasoner says next, given those before.

    Args:
        folder: of the model.
        each: lessons of each kind.

    Returns:
        One measure for each kind of lesson; n counts tokens.
    """
    return _next_tokens_right(folder, LESSONS, each)


def rewriter_measures(folder: Path, each: int = LESSONS_EACH) -> list[Measure]:
    """The same of the rewriter and a perfect look."""
    return _next_tokens_right(folder, LOOKS, each)


def _next_tokens_right(folder: Path, kinds: Kinds, each: int) -> list[Measure]:
    import torch

    model, encoder = _loaded(folder)
    measures: list[Measure] = []
    for make in kinds:
        right = said = 0
        rng = random.Random(f"measures/{SEED}/{make.__name__}")
        lessons = [make(rng, "dev") for _ in range(each)]
        for start in range(0, each, _ROWS):
            batch = encoder.batch(lessons[start : start + _ROWS])
            with torch.inference_mode():
                guessed_RL = model(**batch.inputs()).logits[:, :-1].argmax(-1)
            wanted_RL = batch.labels_RL[:, 1:]
            spoken_RL = wanted_RL != IGNORED
            right += int((guessed_RL == wanted_RL)[spoken_RL].sum())
            said += int(spoken_RL.sum())
        kind = make.__name__.removesuffix("_lesson")
        measures.append({"name": f"next token right, {kind}", "value": right / said, "n": said})
    return measures


def embedder_measures(folder: Path, reads_ecr: bool, each: int = CASES_EACH) -> list[Measure]:
    """Share of queries that are nearer to their positive than to each of their near-misses.

    Args:
        folder: of the model.
        reads_ecr: whether the true ECR stands behind the input.
        each: queries of each task.

    Returns:
        One measure for each task; n counts queries.
    """
    import torch

    model, encoder = _loaded(folder)
    rng = random.Random(f"measures/{SEED}/looks")
    right: dict[str, list[bool]] = defaultdict(list)
    for case in case_batch(SEED, 0, each, "dev"):
        candidates = [case.positive, *case.negatives]
        lessons = [query_lesson(case, rng), *(item_lesson(one, rng) for one in candidates)]
        with torch.inference_mode():
            vectors_VD = embed(model, encoder, lessons, reads_ecr, parts=1)
        scores_C = vectors_VD[1:] @ vectors_VD[0]
        right[case.task].append(bool(scores_C[0] > scores_C[1:].max()))
    return [
        {"name": f"right at 1, {task}", "value": sum(hits) / len(hits), "n": len(hits)}
        for task, hits in right.items()
    ]


def judge_measures(folder: Path, each: int = CASES_EACH) -> list[Measure]:
    """Share of queries whose positive is judged better than each of its near-misses.

    Args:
        folder: of the model.
        each: queries of each task.

    Returns:
        For each task one measure with perfect ECRs, among the near-misses that those tell apart
        from the positive, and one with media, among all; n counts queries. A tie counts as wrong.
    """
    rng = random.Random(f"measures/{SEED}/verdicts")
    model, encoder = _loaded(folder)
    right: dict[str, list[bool]] = defaultdict(list)
    for case in case_batch(SEED, 0, each, "dev"):
        for sees, mode in ((False, "ECRs"), (True, "media")):
            misses = [one for one in case.negatives if sees or _told_apart(case, one)]
            if not misses:
                continue
            lessons = [pair_lesson(case, one, rng, sees, answers=True)
                       for one in (case.positive, *misses)]  # fmt: skip
            best, *others = _verdicts(model, encoder, lessons)
            right[f"right at 1 by {mode}, {case.task}"].append(best > max(others))
    return [
        {"name": name, "value": sum(hits) / len(hits), "n": len(hits)}
        for name, hits in right.items()
    ]


def _told_apart(case: Case, miss: Candidate) -> bool:
    if not case.asks or miss.truth is None:
        return miss.ecr != case.positive.ecr
    return not told_hold(case.asks, miss.truth)


def _verdicts(
    model: "Qwen3VLForConditionalGeneration", encoder: Encoder, lessons: list[Lesson]
) -> list[float]:
    """Logit of yes minus logit of no, of lessons with one branch each."""
    import torch

    (no,), (yes,) = encoder.ids(NO), encoder.ids(YES)
    batch = encoder.batch(lessons, answers=False)
    with torch.inference_mode():
        hidden_RLH = model.model(**batch.inputs()).last_hidden_state
        last_RH = hidden_RLH[range(len(lessons)), [ends[0] for ends in batch.last_RB]]
        differences_R = last_RH @ (model.lm_head.weight[yes] - model.lm_head.weight[no])
    return [float(value) for value in differences_R]


def _loaded(folder: Path) -> "tuple[Qwen3VLForConditionalGeneration, Encoder]":
    from transformers import AutoTokenizer

    model = load_model(folder)
    model.train(False)
    return model, Encoder(AutoTokenizer.from_pretrained(folder))
