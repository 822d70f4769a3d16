"""A task, a case of one, and what makers of cases share."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tte2_ray.mini.asks import Asks, Worded
from tte2_ray.mini.edits import near_misses
from tte2_ray.mini.language import describe, describe_crop, ecr
from tte2_ray.mini.truth import Scene, Split, Truth


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a task is: its instruction, its kind of pool and its measure (ir_measures name)."""

    name: str
    instruction: str
    pool: Literal["query", "corpus"]
    measure: Literal["Success@1", "nDCG@5"] = "Success@1"


TASKS = {
    t.name: t
    for t in (
        Task(name="image_classification", pool="query",
             instruction="Name the texture and shape of the main thing."),
        Task(name="image_qa", pool="query", instruction="Answer the question."),
        Task(name="image_retrieval", pool="corpus", instruction="Find a picture that matches."),
        Task(name="composed_retrieval", pool="corpus",
             instruction="Find the picture after the change."),
        Task(name="grounding", pool="query", instruction="Find the close up of the thing."),
        Task(name="video_retrieval", pool="corpus", instruction="Find a video that matches."),
        Task(name="video_qa", pool="query", instruction="Answer the question about the video."),
        Task(name="moment_retrieval", pool="query", instruction="Find the clip of this moment."),
        Task(name="visdoc_retrieval", pool="corpus", measure="nDCG@5",
             instruction="Find a page that matches."),
    )
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An item before it is drawn: a truth, a close-up of one thing of a scene, or a text."""

    truth: Truth | None = None
    crop: int = -1
    """Index of the thing that the close-up shows; -1 for the whole."""
    text: str = ""

    @property
    def ecr(self) -> str:
        """What a perfect reasoner writes about it."""
        if self.truth is None:
            return ecr("short text", self.text)
        if self.crop >= 0 and isinstance(self.truth, Scene):
            return describe_crop(self.truth.things[self.crop])
        return describe(self.truth)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One query of a task.

    `asks` are the conditions of the query where it has any (retrieval of pictures, videos, pages
    and moments); they decide relevance over a whole corpus.
    """

    task: str
    text: str
    media: Truth | None
    query_ecr: str
    asks: Asks
    positive: Candidate
    negatives: tuple[Candidate, ...]


def words_of(asks: Asks) -> str:
    """The conditions of a query in words."""
    return ", ".join(a.words for a in asks)


def wanted(asks: Asks, kind: str) -> str:
    """The ECR of a query that describes what it looks for."""
    return ecr(f"wants {kind}, {len(asks)} asks", f"{kind} {words_of(asks)}")


def phrase(rng: random.Random, kind: str, asks: Iterable[Worded]) -> str:
    """The words of a query that looks for `kind` with these conditions, in any order."""
    lead = rng.choice(
        (f"a {kind} with", f"{kind} showing", f"find a {kind} with", f"show me a {kind} with")
    )
    parts = [a.words for a in asks]
    rng.shuffle(parts)
    return f"{lead} {rng.choice((' and ', ', ')).join(parts)}"


def distinct(
    rng: random.Random, answer: str, near: Iterable[str], values: Iterable[str], count: int
) -> tuple[Candidate, ...]:
    """Up to `count` other short texts of the same kind as the answer.

    Those in `near` come first: they are true of something else in the same media, so that seeing
    which values are there is not enough.
    """
    present = sorted({v for v in near if v != answer})
    rest = sorted({v for v in values if v != answer} - set(present))
    drawn = [*rng.sample(present, len(present)), *rng.sample(rest, len(rest))]
    return tuple(Candidate(text=v) for v in drawn[:count])


def retrieval(
    rng: random.Random, split: Split, count: int, truth: Truth, asks: Asks, task: str, kind: str
) -> Case:
    """A query in words for one item, and near-misses of it that fail the query."""
    misses = near_misses(rng, truth, asks, split, count)
    return Case(task=task, text=phrase(rng, kind, asks), media=None, asks=asks,
                query_ecr=wanted(asks, kind), positive=Candidate(truth=truth),
                negatives=tuple(Candidate(truth=m) for m in misses))  # fmt: skip


def answer(
    rng: random.Random,
    media: Truth,
    question: str,
    seen: str,
    answer: str,
    near: Iterable[str],
    values: Iterable[str],
    count: int,
) -> Case:
    """A question about a picture or a video, with other answers of the same kind; those in `near`
    are true of something else in it."""
    task = "image_qa" if isinstance(media, Scene) else "video_qa"
    return Case(task=task, text=question, media=media, asks=(), query_ecr=ecr(seen, answer),
                positive=Candidate(text=answer),
                negatives=distinct(rng, answer, near, values, count + 2))  # fmt: skip
