"""build/demo.html: queries and what they found, seen by a person; one file, nothing fetched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.demo.ask import Answer
from tools.demo.look import look
from tools.demo.measure import right_at_1
from tools.demo.miniature import Miniature
from tools.shown import Row
from tte2_ray.ecr import ParsedEcr, parse_ecr
from tte2_ray.media import MediaLimits
from tte2_ray.milvus.searcher import Hit
from tte2_ray.schema import Item

TEMPLATE = Path(__file__).with_name("demo.html.j2")
SHOWN_PER_TASK = 3
"""The first ones of each task, whatever came of them: nothing is picked."""

QUERY_PX, HIT_PX = 144, 112
"""Height of a query's picture and of a hit's, in pixels."""
SIGNS = {"right": "✓ ", "near": "≈ ", "wrong": ""}
"""Marks are told by more than colour."""


@dataclass(frozen=True, kw_only=True)
class ShownItem:
    """An item as a person sees it."""

    item_id: str
    text: str
    picture: str
    """A data: URI; "" for text."""


@dataclass(frozen=True, kw_only=True)
class ShownHit:
    """A hit as it is shown."""

    item: ShownItem
    score: float
    ecr: ParsedEcr
    mark: str
    """`right`, `near` (a lower grade than the best), or `wrong`."""


@dataclass(frozen=True, kw_only=True)
class ShownAnswer:
    """A query as it is shown."""

    instruction: str
    item: ShownItem
    ecr: ParsedEcr
    refusal: str
    among: str
    answers: int
    """How many right answers there are."""
    right_at_1: bool
    hits: tuple[ShownHit, ...]


@dataclass(frozen=True, kw_only=True)
class ShownTask:
    """A task with the share of its queries whose first hit is right."""

    name: str
    instruction: str
    pool: str
    right: int
    asked: int
    answers: tuple[ShownAnswer, ...]


def render(
    world: Miniature, answers: Sequence[Answer], results: Mapping[str, Any],
    measured: Sequence[Row], limits: MediaLimits, report: str,
) -> str:  # fmt: skip
    """The page.

    Args:
        world: that was indexed.
        answers: of every query; some of each task are shown.
        results: results.json of the job.
        measured: what the demo states of itself.
        limits: under which media were shown to the models; the page shows the same pixels.
        report: path of the job's own report, from the page.
    """
    from jinja2 import Environment

    right = right_at_1(answers)
    template = Environment(autoescape=True, trim_blocks=True).from_string(TEMPLATE.read_text())
    return template.render(
        it=results,
        tasks=_tasks(world, answers, limits),
        right=right.value, low=right.low, high=right.high, asked=len(answers),
        prompt_tokens=sum(a.thought.prompt_tokens for a in answers),
        output_tokens=sum(a.thought.output_tokens for a in answers),
        measured=measured, report=report, shown=SHOWN_PER_TASK, signs=SIGNS,
    )  # fmt: skip


def _tasks(
    world: Miniature, answers: Sequence[Answer], limits: MediaLimits
) -> tuple[ShownTask, ...]:
    by_task: dict[str, list[Answer]] = {}
    for answer in answers:
        by_task.setdefault(answer.question.task, []).append(answer)
    return tuple(
        ShownTask(
            name=name.replace("_", " "),
            instruction=group[0].question.query.instruction,
            pool=_pools(world, group),
            right=sum(answer.right_at_1 for answer in group),
            asked=len(group),
            answers=tuple(_answer(world, a, limits) for a in group[:SHOWN_PER_TASK]),
        )
        for name, group in by_task.items()
    )


def _pools(world: Miniature, group: Sequence[Answer]) -> str:
    """What the queries of a task are searched among."""
    sizes = sorted({len(answer.question.query.pool) for answer in group})
    if not sizes[0]:
        return _among(world, group[0])
    each = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return f"each its own {each} candidates"


def _among(world: Miniature, answer: Answer) -> str:
    pool = answer.question.query.pool
    return f"its own {len(pool)} candidates" if pool else f"all {len(world.items)} items"


def _answer(world: Miniature, answer: Answer, limits: MediaLimits) -> ShownAnswer:
    query, grades = answer.question.query, answer.question.grades
    return ShownAnswer(
        instruction=query.instruction,
        item=_item(query.given, limits, QUERY_PX),
        ecr=parse_ecr(answer.thought.ecr),
        refusal=answer.thought.refusal,
        among=_among(world, answer),
        answers=sum(grade == answer.question.best for grade in grades.values()),
        right_at_1=answer.right_at_1,
        hits=tuple(_hit(world, answer, hit, limits) for hit in answer.hits),
    )


def _hit(world: Miniature, answer: Answer, hit: Hit, limits: MediaLimits) -> ShownHit:
    grade = answer.grade(hit)
    return ShownHit(
        item=_item(world.items[hit.item_id], limits, HIT_PX),
        score=hit.score,
        ecr=parse_ecr(str(hit.fields["ecr"])),
        mark="right" if grade == answer.question.best else "near" if grade else "wrong",
    )


def _item(item: Item, limits: MediaLimits, height: int) -> ShownItem:
    return ShownItem(item_id=item.item_id, text=item.text, picture=look(item, limits, height))
