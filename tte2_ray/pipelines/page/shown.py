"""A query and its candidates as a person sees them: before reranking and after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from tte2_ray.ecr import ParsedEcr, parse_ecr
from tte2_ray.errors import RowError
from tte2_ray.media import MediaLimits, decode_item
from tte2_ray.media.thumbnail import thumbnail_data_uri
from tte2_ray.schema import Item

Picture = Callable[[Item], str]
"""An item as a `data:` URI; "" where there is nothing to see."""
Mark = Literal["right", "near", "wrong", ""]

TEXT_SHOWN = 300
"""Characters of the own text of a query or a candidate; what is cut ends in an ellipsis."""


@dataclass(frozen=True, kw_only=True)
class ShownCandidate:
    """A candidate of one query."""

    item: Item
    """With its media, if it is to be seen."""
    ecr: str
    """As the index holds it; "" for a direct embedding."""
    rewrite: str = ""
    """The same for this query (QAR); "" where it was not rewritten."""
    was: int = 0
    """Its rank before reranking, from 1; 0 where it was not among the candidates."""
    now: int = 0
    """Its rank after reranking, from 1; 0 where it has none."""
    retriever_score: float
    judge_score: float | None = None
    """None where it was not judged."""
    mark: Mark = ""
    """What the qrels say: `near` is a lower grade than the best; "" where nobody knows."""


@dataclass(frozen=True, kw_only=True)
class ShownQuery:
    """A query with what became of it."""

    query: Item
    """Its words and media; `item_id` is the query's."""
    instruction: str = ""
    ecr: str = ""
    step: str = ""
    """Of the ladder, on which it ended."""
    spent: int = 0
    """Tokens, by reranking."""
    allowed: int | None = None
    """None: without a budget."""
    candidates: tuple[ShownCandidate, ...]
    """In the order in which they are shown: as a rule the first few of the final order, then those
    that stood there before."""


def pictures(limits: MediaLimits, height: int = 112) -> Picture:
    """Thumbnails of items, decoded under the limits under which the models saw them.

    Args:
        limits: sizes, pixels, frames, allowed URIs.
        height: of a thumbnail, in pixels.
    """

    def picture(item: Item) -> str:
        try:
            return thumbnail_data_uri(decode_item(item, limits), height=height)
        except RowError:
            return ""  # it was there when it was looked at, and is gone now

    return picture


@dataclass(frozen=True, kw_only=True)
class Words:
    """A run of words of a rewritten text."""

    text: str
    is_new: bool
    """Not in the text that was rewritten."""


def changed(before: str, after: str) -> list[Words]:
    """The words of `after`, those marked that `before` does not have in that place.

    >>> [(run.text, run.is_new) for run in changed("a red star", "a small red star")]
    [('a', False), ('small', True), ('red star', False)]
    """
    old, new = before.split(), after.split()
    matcher = SequenceMatcher(a=old, b=new, autojunk=False)
    return [
        Words(text=" ".join(new[start:end]), is_new=tag != "equal")
        for tag, _, _, start, end in matcher.get_opcodes()
        if end > start
    ]


@dataclass(frozen=True, kw_only=True)
class CandidateView:
    """A candidate, ready for a template."""

    item_id: str
    text: str
    picture: str
    mark: Mark
    moved: str
    """Its ranks in words."""
    retriever_score: float
    judge_score: float | None
    ecr: ParsedEcr
    rewrite: tuple[Sequence[Words], Sequence[Words]] | None
    """Thinking and statement; None where it was not rewritten."""


@dataclass(frozen=True, kw_only=True)
class QueryView:
    """A query, ready for a template."""

    query_id: str
    text: str
    picture: str
    instruction: str
    ecr: ParsedEcr
    step: str
    spent: int
    allowed: int | None
    candidates: tuple[CandidateView, ...]


def view(shown: ShownQuery, picture: Picture) -> QueryView:
    """Looks at media and takes ECRs apart.

    Args:
        shown: a query.
        picture: makes a thumbnail of an item; see `pictures`.
    """
    return QueryView(
        query_id=shown.query.item_id,
        text=_shortened(shown.query.text),
        picture=_safe(picture(shown.query)),
        instruction=shown.instruction,
        ecr=parse_ecr(shown.ecr),
        step=shown.step.replace("_", " "),
        spent=shown.spent,
        allowed=shown.allowed,
        candidates=tuple(_candidate(one, picture) for one in shown.candidates),
    )


def moved(was: int, now: int) -> str:
    """Two ranks in words.

    >>> moved(4, 1), moved(2, 2), moved(0, 3), moved(5, 0)
    ('4 → 1', '2', 'new → 3', '5 → left out')
    """
    if was == now:
        return str(now) if now else ""
    return f"{was or 'new'} → {now or 'left out'}"


def _candidate(one: ShownCandidate, picture: Picture) -> CandidateView:
    old, new = parse_ecr(one.ecr), parse_ecr(one.rewrite)
    parts = (changed(old.think, new.think), changed(old.statement, new.statement))
    return CandidateView(
        item_id=one.item.item_id,
        text=_shortened(one.item.text),
        picture=_safe(picture(one.item)),
        mark=one.mark,
        moved=moved(one.was, one.now),
        retriever_score=one.retriever_score,
        judge_score=one.judge_score,
        ecr=old,
        rewrite=parts if one.rewrite else None,
    )


def _shortened(text: str) -> str:
    return text if len(text) <= TEXT_SHOWN else text[:TEXT_SHOWN] + "…"


def _safe(picture: str) -> str:
    """Only what stands in the page itself: nothing is fetched by who reads it."""
    return picture if picture.startswith("data:image/") else ""
