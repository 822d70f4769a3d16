"""What the reasoner learns from: media of the training split, each with several things to say.

A lesson is one picture, video, page or nothing, and its branches: what the user asks and what a
perfect reasoner answers. The branches of a lesson share its media, which is encoded once.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tte2_ray.ecr import plain
from tte2_ray.mini.asks import Asks, ask_clip, ask_page, ask_scene, has_fine, rewritten
from tte2_ray.mini.edits import change
from tte2_ray.mini.language import describe, describe_crop, describe_lines
from tte2_ray.mini.media import Media, see, still
from tte2_ray.mini.model import PAGE_MAX_PIXELS
from tte2_ray.mini.render import draw_lines
from tte2_ray.mini.tasks import TASKS, case_about, make_case, phrase
from tte2_ray.mini.truth import (
    Clip,
    Scene,
    Split,
    Truth,
    sample_clip,
    sample_page,
    sample_scene,
)
from tte2_ray.prompts import REWRITE_INSTRUCTION, item_text, query_text

Branch = tuple[str, str]
"""What the user says, and the ECR that answers it."""


MARK_OPEN, MARK_CLOSE = "\ue000", "\ue001"
"""Around a mark: a word behind a part of what the user asks, in lessons alone. It is what
should be known of the candidate there; a label, which no model reads."""


def mark(word: str) -> str:
    """A mark behind what was said so far.

    Args:
        word: that the model should have in mind there, as its tokenizer writes it behind a blank;
            or a verdict.
    """
    return f"{MARK_OPEN}{word}{MARK_CLOSE}"


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One media (or none) and what is said about it."""

    media: Media | None
    branches: tuple[Branch, ...]
    opening: str = ""
    """Words behind the media that all branches go on from."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A candidate that is looked at with a query in hand."""

    asks: Asks
    """Of the query."""
    kind: str
    """Of item that the query looks for."""
    query: str
    """In words."""
    written: Truth
    """What the ECR that is given says of the candidate."""

    @property
    def text(self) -> str:
        """What the user says; the reasoner learns it with the query first."""
        shown = plain(describe(self.written))
        return f"Query: {self.query}\nCandidate: {shown}\n{REWRITE_INSTRUCTION}"


def sample_look(rng: random.Random, truth: Truth, split: Split, sees: bool = True) -> Look:
    """A look at `truth` for a query that it, or something like it, answers.

    Args:
        rng: of the lesson.
        truth: of the candidate.
        split: of the lesson.
        sees: the candidate's media; then every other ECR errs, as reasoners do, and is not to be
            trusted. Else the ECR is all that is known.
    """
    asked = truth
    for _ in range(rng.choice((0, 1, 1, 2))):
        asked = change(rng, asked, split) or asked
    asks, kind = ask(rng, asked)
    query = phrase(rng, kind, asks)
    errs = sees and rng.random() < 0.5
    written = (change(rng, truth, split) if errs else None) or truth
    return Look(asks=asks, kind=kind, query=query, written=written)


def rewrite_branch(rng: random.Random, truth: Truth, split: Split, sees: bool = True) -> Branch:
    """Query-aware reasoning about `truth`; see `sample_look`."""
    look = sample_look(rng, truth, split, sees)
    return look.text, rewritten(look.asks, truth, look.kind, sees)


def ask(rng: random.Random, truth: Truth) -> tuple[Asks, str]:
    """A query that `truth` answers, and what kind of item it looks for."""
    if isinstance(truth, Scene):
        return ask_scene(rng, truth, has_fine(truth) and rng.random() < 0.6), "picture"
    if isinstance(truth, Clip):
        return ask_clip(rng, truth, rng.random() < 0.5), "video"
    return ask_page(rng, truth, rng.random() < 0.6), "page"


def _query_branch(rng: random.Random, truth: Truth, tasks: tuple[str, ...], split: Split) -> Branch:
    while True:
        case = case_about(truth, rng.choice(tasks), rng, split, 2)
        if case is not None:
            return query_text(TASKS[case.task].instruction, case.text), case.query_ecr


def scene_lesson(rng: random.Random, split: Split = "train") -> Lesson:
    """A picture: its ECR, queries that start from it, and often a query-aware look."""
    scene = sample_scene(rng, split)
    tasks = ("image_qa", "image_qa", "composed_retrieval", "grounding", "image_classification")
    queries = [_query_branch(rng, scene, tasks, split) for _ in range(rng.choice((1, 2)))]
    own = (item_text(""), describe(scene))
    looks = [rewrite_branch(rng, scene, split)] if rng.random() < 0.5 else []
    return Lesson(media=see(scene, rng), branches=(own, *queries, *looks))


def picture_lesson(rng: random.Random, split: Split = "train") -> Lesson:
    """A picture: its ECR alone."""
    scene = sample_scene(rng, split)
    return Lesson(media=see(scene, rng), branches=((item_text(""), describe(scene)),))


def crop_lesson(rng: random.Random, split: Split = "train") -> Lesson:
    """A close-up: its ECR."""
    scene = sample_scene(rng, split)
    index = rng.randrange(len(scene.things))
    branch = (item_text(""), describe_crop(scene.things[index]))
    return Lesson(media=see(scene, rng, index), branches=(branch,))


def clip_lesson(rng: random.Random, split: Split = "train") -> Lesson:
    """A video of one or two events: its ECR, a query about it, often a query-aware look."""
    clip = sample_clip(rng, split, rng.choice((1, 2, 2)))
    branches = [(item_text(""), describe(clip))]
    if rng.random() < 0.5:
        branches.append(rewrite_branch(rng, clip, split))
    if len(clip.events) == 2:
        tasks = ("video_qa", "moment_retrieval")
        branches.append(_query_branch(rng, clip, tasks, split))
    return Lesson(media=see(clip, rng), branches=tuple(branches))


def video_lesson(rng: random.Random, split: Split = "train") -> Lesson:
    """A video of one or two events: its ECR alone."""
    clip = sample_clip(rng, split, rng.choice((1, 2, 2)))
    return Lesson(media=see(clip, rng), branches=((item_text(""), describe(clip)),))


def page_lesson(rng: random.Random, split: Split = "train") -> Lesson:
    """A page: its ECR and a query-aware look."""
    page = sample_page(rng, split)
    looks = [rewrite_branch(rng, page, split)]
    return Lesson(media=see(page, rng), branches=((item_text(""), describe(page)), *looks))


def line_lesson(rng: random.Random, split: Split = "train") -> Lesson:
    """Two lines of a page, as large as they stand there: what they say."""
    page = sample_page(rng, split)
    first = rng.randrange(len(page.lines) - 1)
    picture = draw_lines(page, first, rng, rng.randint(104, 144))
    branch = (item_text(""), describe_lines(page, first))
    return Lesson(media=still(rng, picture, PAGE_MAX_PIXELS // 4), branches=(branch,))


def text_lesson(rng: random.Random, split: Split = "train") -> Lesson:
    """No media: queries in words, a short text as an item, a query-aware look at an ECR alone."""
    branches: list[Branch] = []
    for task in ("image_retrieval", "video_retrieval", "visdoc_retrieval"):
        case = make_case(task, rng, split, 2)
        branches.append((query_text(TASKS[task].instruction, case.text), case.query_ecr))
    names = ("image_qa", "video_qa", "image_classification")
    case = make_case(rng.choice(names), rng, split, 2)
    branches.append((item_text(case.positive.text), case.positive.ecr))
    truth = rng.choice((sample_scene, _sample_two_events, sample_page))(rng, split)
    branches.append(rewrite_branch(rng, truth, split, sees=False))
    return Lesson(media=None, branches=tuple(branches))


def _sample_two_events(rng: random.Random, split: Split) -> Clip:
    return sample_clip(rng, split, 2)


Kinds = Mapping[Callable[[random.Random, Split], Lesson], int]
"""Kinds of lessons, and how many of each stand in a process's batch."""

PRINT: Kinds = {line_lesson: 12, picture_lesson: 3}
PAGES: Kinds = {page_lesson: 6, picture_lesson: 3}
ECRS: Kinds = {picture_lesson: 6, video_lesson: 4, page_lesson: 1, line_lesson: 1}
LESSONS: Kinds = {
    scene_lesson: 5,
    clip_lesson: 3,
    page_lesson: 1,
    crop_lesson: 1,
    line_lesson: 1,
    text_lesson: 1,
}
"""What training goes through, in this order; the last goes on to the end.

Muon's steps are of one size, whatever the gradient: what has a small share of it is not learned.
Two lines of print are read after 250 steps of them alone, and a page's numbers 150 steps of pages
later (its goods take longer: docs/log.md); among all else print was half read after 3,200. Pictures
stand beside them, so that the tower does not forget its shapes meanwhile. A batch is small, because
it takes many steps rather than many lessons.
"""


def lesson_batch(seed: int, step: int, kinds: Kinds = LESSONS) -> list[Lesson]:
    """The lessons of one training step; the same for the same seed, step and kinds."""
    rng = random.Random(f"lessons/{seed}/{step}")
    return [make(rng, "train") for make, count in kinds.items() for _ in range(count)]
