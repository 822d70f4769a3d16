"""What the judge learns from: candidates of the training split, each with several queries.

It learns to answer with one word whether a candidate matches: from its ECR (ECRR), from its ECR and
what a look for the query added to it (QAR), or from its pixels (MM Ranker).

A lesson is one candidate, its media or its ECR first, and its branches are queries.
"""

import random
from collections.abc import Callable
from typing import Final

from tte2_ray.ecr import completed, plain
from tte2_ray.mini.asks import (
    NOTHING_OPEN,
    Ask,
    Asks,
    all_hold,
    looked,
    told_hold,
)
from tte2_ray.mini.edits import change
from tte2_ray.mini.garbled import garbled
from tte2_ray.mini.language import describe
from tte2_ray.mini.lessons import Branch, Lesson, ask
from tte2_ray.mini.marks import NO, YES, marked_phrase, marked_scene
from tte2_ray.mini.media import see
from tte2_ray.mini.tasks import Candidate, Case, make_case
from tte2_ray.mini.truth import Scene, Split, Truth, sample_clip, sample_page, sample_scene
from tte2_ray.prompts import judge_text, judged_query

QUERIES: Final = 3
"""Of one candidate."""
DRILLED: Final = 3
"""Queries that a long one is made of."""
MEDIA_TASKS: Final = ("image_qa", "image_classification", "composed_retrieval", "grounding",
                      "video_qa", "moment_retrieval")  # fmt: skip
"""Whose queries hold media: a judge reads them through their ECR."""
_LOOKED: Final = 0.4
"""Share of candidates that someone looked at for the query: what is fine is known of them."""
SAMPLERS: Final[tuple[Callable[[random.Random, Split], Truth], ...]] = (
    sample_scene, sample_scene, lambda rng, split: sample_clip(rng, split, rng.choice((1, 2, 2))),
    sample_page,
)  # fmt: skip
_SEEN: Final = SAMPLERS[1:]
"""As often each: with media, videos and pages are harder than pictures."""


def verdict(matches: bool) -> str:
    """The judge's word."""
    return YES if matches else NO


def asked_of(rng: random.Random, truth: Truth, split: Split) -> tuple[Asks, str]:
    """What a query asks that `truth` answers, or all but answers; often only a part of it, which is
    where comparing is learned. Of what is asked half must fail: one who is mostly right to say
    "same" reads what was asked for into what it sees."""
    draw, about = rng.random(), truth
    if draw < 0.2:  # as the world has it: another item, near this one
        for _ in range(rng.choice((1, 1, 2))):
            about = change(rng, about, split) or about
    asks, kind = ask(rng, about)
    if rng.random() < 0.3:
        asks = (rng.choice(asks),)
    if draw > 0.5:
        at = rng.randrange(len(asks))
        asks = tuple(garbled(rng, each, truth) if i == at or rng.random() < 0.5 else each
                     for i, each in enumerate(asks))  # fmt: skip
    return asks, kind


def opening_of(words: str) -> str:
    """How the prompt of a judge begins that reads a candidate's words."""
    return f"Candidate: {words}\n"


def told_words(rng: random.Random, ecr: str) -> str:
    """A candidate's ECR as a judge reads it, where it tells all that is asked; now and then someone
    looked at the candidate all the same."""
    words = plain(ecr)
    return completed(words, NOTHING_OPEN) if rng.random() < _LOOKED else words


def behind(opening: str, text: str) -> str:
    """What a prompt says after its opening."""
    assert text.startswith(opening)
    return text[len(opening) :]


def told_lesson(rng: random.Random, split: Split) -> Lesson:
    """A candidate's ECR, now and then completed by a look: whether it matches queries in words."""
    truth = rng.choice(SAMPLERS)(rng, split)
    queries = [asked_of(rng, truth, split) for _ in range(QUERIES)]
    looks = rng.random() < _LOOKED
    words = plain(describe(truth))
    if looks:
        words = completed(words, looked(sum((a for a, _ in queries), ()), truth))
    opening = opening_of(words)
    holds = all_hold if looks else told_hold
    branches = list[Branch]()
    for asks, kind in queries:
        _, marked = marked_phrase(rng, truth, asks, kind, sees=looks)
        branches.append((behind(opening, judge_text(marked, words)), verdict(holds(asks, truth))))
    return Lesson(media=None, branches=tuple(branches), opening=opening)


def drill_lesson(rng: random.Random, split: Split) -> Lesson:
    """A candidate's ECR and long queries: many parts to compare in few words."""
    truth = rng.choice(SAMPLERS)(rng, split)
    branches = tuple(_drill(rng, truth, split, sees=False) for _ in range(QUERIES))
    return Lesson(media=None, branches=branches, opening=opening_of(plain(describe(truth))))


def seen_drill_lesson(rng: random.Random, split: Split) -> Lesson:
    """A candidate's media and long queries."""
    truth = rng.choice(_SEEN)(rng, split)
    branches = tuple(_drill(rng, truth, split, sees=True) for _ in range(QUERIES))
    return Lesson(media=see(truth, rng), branches=branches)


def _drill(rng: random.Random, truth: Truth, split: Split, sees: bool) -> Branch:
    drawn: dict[str, Ask] = {}
    kind, met = "", rng.random() < 0.3  # else hardly any would be met as a whole
    for _ in range(DRILLED):
        asks, kind = ask(rng, truth)
        for each in asks:
            wrong = not met and rng.random() < 0.5
            chosen = garbled(rng, each, truth) if wrong else each
            drawn[chosen.words] = chosen
    asks = tuple(drawn.values())
    _, marked = marked_phrase(rng, truth, asks, kind, sees)
    holds = all_hold if sees else told_hold
    return judge_text(marked, ""), verdict(holds(asks, truth))


def case_query(case: Case) -> str:
    """What a judge reads of the query of a case."""
    return judged_query(case.text, case.query_ecr, case.media is not None)


def pair_lesson(
    case: Case, candidate: Candidate, rng: random.Random, sees: bool, answers: bool
) -> Lesson:
    """One query and one candidate: whether it answers.

    Args:
        case: whose query is asked.
        candidate: of its pool.
        rng: of the nuisance.
        sees: the candidate's media where it has any; else its ECR is read.
        answers: whether it does.
    """
    answer, query = verdict(answers), _marked_query(case, candidate)
    if sees and candidate.truth is not None:
        media = see(candidate.truth, rng, candidate.crop)
        return Lesson(media=media, branches=((judge_text(query, ""), answer),))
    words = candidate.text if sees else told_words(rng, candidate.ecr)
    return Lesson(media=None, branches=((judge_text(query, words), answer),))


def _marked_query(case: Case, candidate: Candidate) -> str:
    """The query of a case; one that describes a whole picture with a mark behind each thing."""
    query, wanted, found = case_query(case), case.positive.truth, candidate.truth
    if case.task != "composed_retrieval":
        return query
    assert isinstance(wanted, Scene)
    assert isinstance(found, Scene)
    return marked_scene(query, wanted, found)


def _pairs(rng: random.Random, split: Split, sees: bool) -> Lesson:
    case = make_case(rng.choice(MEDIA_TASKS), rng, split, 3)
    positive = rng.random() < 0.4
    candidate = case.positive if positive else rng.choice(case.negatives)
    return pair_lesson(case, candidate, rng, sees, positive)


def told_pair_lesson(rng: random.Random, split: Split) -> Lesson:
    """A query with media, read through its ECR, and the ECR of a candidate."""
    return _pairs(rng, split, sees=False)


def seen_pair_lesson(rng: random.Random, split: Split) -> Lesson:
    """A query with media, read through its ECR, and the candidate itself."""
    return _pairs(rng, split, sees=True)


def seen_lesson(rng: random.Random, split: Split) -> Lesson:
    """A candidate's media: whether it matches queries in words."""
    truth = rng.choice(_SEEN)(rng, split)
    branches = list[Branch]()
    for _ in range(QUERIES):
        asks, kind = asked_of(rng, truth, split)
        _, marked = marked_phrase(rng, truth, asks, kind, sees=True)
        branches.append((judge_text(marked, ""), verdict(all_hold(asks, truth))))
    return Lesson(media=see(truth, rng), branches=tuple(branches))
