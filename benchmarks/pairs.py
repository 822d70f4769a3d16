"""Queries with candidates, as a first stage hands them to the cascade; none is drawn.

They are of the generated world, with the ECRs that a perfect reasoner writes: the engines of a
judge that reads words need no more.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import count

from benchmarks.work import SEED, SPLIT
from tte2_ray.cascade import Asked, Candidate
from tte2_ray.cascade.many import Retrieved
from tte2_ray.ecr import parse_ecr
from tte2_ray.mini.language import ecr
from tte2_ray.mini.tasks import TASKS
from tte2_ray.mini.world import Sampled, candidates_of

LONG = ("image_retrieval", "video_retrieval", "visdoc_retrieval")
"""Tasks whose queries are words, and whose candidates have ECRs long enough to be put together."""


def retrieved(queries: int, candidates: int) -> list[Retrieved]:
    """Queries of all tasks in turn, each with candidates of its own and of its task.

    Args:
        queries: how many.
        candidates: of each.
    """
    numbers = {task: count() for task in TASKS}
    found: list[Retrieved] = []
    for number in range(queries):
        task = list(TASKS)[number % len(TASKS)]
        of_query = _sampled(task, numbers[task])
        first = next(of_query)
        told = list(_told(first))
        while len(told) < candidates:
            told += _told(next(of_query))
        found.append((asked_of(first), ranked(told[:candidates])))
    return found


def long_retrieved(
    queries: int, among: int, candidates: int, parts: int, part: str
) -> list[Retrieved]:
    """Queries that find the same long candidates, each a part of them that is drawn at random.

    Args:
        queries: how many.
        among: different candidates.
        candidates: of each query.
        parts: ECRs that a candidate's is put together from.
        part: names the candidates: those of two names have nothing in common.
    """
    rng = random.Random(f"bench/{SEED}/long/{part}")
    numbers = count(rng.randrange(1 << 30))
    ecrs = (told for task in _forever(LONG) for _, told in _told(next(_sampled(task, numbers))))
    pool = [(f"{part}-{n:04d}", _together([next(ecrs) for _ in range(parts)]))
            for n in range(among)]  # fmt: skip
    asked = [asked_of(next(_sampled(task, numbers)))
             for task, _ in zip(_forever(LONG), range(queries), strict=False)]  # fmt: skip
    return [(one, ranked(rng.sample(pool, candidates))) for one in asked]


def asked_of(sampled: Sampled) -> Asked:
    """A query of the world as the cascade takes it, with its true ECR."""
    case = sampled.case
    return Asked(
        query_id=sampled.query_id,
        instruction=TASKS[case.task].instruction,
        text=case.text,
        ecr=case.query_ecr,
        has_media=case.media is not None,
        key=sampled.query_id,
        words_tokens=0,  # of no account without a budget
    )


def _forever(tasks: Sequence[str]) -> Iterator[str]:
    return (tasks[n % len(tasks)] for n in count())


def _sampled(task: str, numbers: Iterator[int]) -> Iterator[Sampled]:
    return (candidates_of(task, SEED, SPLIT, number) for number in numbers)


def _told(sampled: Sampled) -> Iterator[tuple[str, str]]:
    return ((item_id, candidate.ecr) for item_id, candidate in sampled.candidates.items())


def _together(ecrs: Sequence[str]) -> str:
    """One long ECR: what was thought of each part, and the statement of the last."""
    parsed = [parse_ecr(each) for each in ecrs]
    return ecr(". ".join(each.think for each in parsed), parsed[-1].statement)


def ranked(told: Sequence[tuple[str, str]]) -> tuple[Candidate, ...]:
    """Candidates in their order, by id and ECR; no count is stored with them."""
    return tuple(
        Candidate(
            item_id=item_id,
            rank=rank,
            retriever_score=1.0 / rank,
            ecr=words,
            ecr_key=item_id,
            ecr_tokens=0,
            prompt_tokens=0,
            visual_tokens=0,
            shard="",
        )
        for rank, (item_id, words) in enumerate(told, 1)
    )
