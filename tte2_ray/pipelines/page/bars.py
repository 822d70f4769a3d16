"""Bars of a page: how a number is spread over rows, and what a sum is made of.

They are HTML with widths in per cent, so that they fit a narrow window and need no picture.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

BINS = 10

STAGES = ("query_ecr", "query_embedding", "rewrite", "judge")
"""Of the ledger, in the order in which a query passes them."""
STAGE_LABELS: Mapping[str, str] = {
    "query_ecr": "query ECR",
    "query_embedding": "query embedding",
    "retrieve": "retrieval",
    "rewrite": "rewriting (QAR)",
    "judge": "judging",
    "index_ecr": "ECRs of the index",
}
KIND_LABELS: Mapping[str, str] = {
    "cached": "read, from the prefix cache",
    "text": "read, text",
    "visual": "read, visual",
    "output": "written",
}


COUNT = "count"
"""In the place of a stage, where a bar is one number."""


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Counts of a number over items, in bins of equal width."""

    title: str
    bars: tuple[tuple[str, int, float], ...]
    """Label, count, height from 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A part of a bar."""

    stage: str
    kind: str
    """"" where a stage is not taken apart."""
    label: str
    amount: float
    percent: float
    """Of the longest bar."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A sum and its parts, in the order in which they are drawn."""

    label: str
    segments: tuple[Segment, ...]

    @property
    def total(self) -> float:
        """Of its parts."""
        return sum(segment.amount for segment in self.segments)


def histogram(title: str, values: Sequence[int]) -> Histogram:
    """Bins of equal width from the least to the greatest value, each named by its least.

    >>> histogram("t", [1, 1, 2]).bars[0]
    ('1', 2, 1.0)
    """
    if not values:
        return Histogram(title=title, bars=())
    low, high = min(values), max(values)
    width = max(1, -(-(high - low + 1) // BINS))
    counts = [0] * ((high - low) // width + 1)
    for value in values:
        counts[(value - low) // width] += 1
    labels = [str(low + i * width) for i in range(len(counts))]
    tallest = max(counts)
    bars = tuple((n, c, c / tallest) for n, c in zip(labels, counts, strict=True))
    return Histogram(title=title, bars=bars)


def token_bars(spent: Iterable[tuple[str, Mapping[str, Mapping[str, float]]]]) -> tuple[Bar, ...]:
    """Where the tokens went: a bar a system, by stage and kind, all on one scale.

    Args:
        spent: label of the bar, and its ledger: by stage, what `kinds` takes.

    >>> [bar] = token_bars([("a", {"judge": {"prompt_text": 60, "output": 20, "cached": 20}})])
    >>> [(part.kind, part.percent) for part in bar.segments]
    [('cached', 25.0), ('text', 50.0), ('output', 25.0)]
    """
    parts = [
        (label, [(s, k, n) for s in known(by_stage, STAGES) for k, n in kinds(by_stage[s]).items()])
        for label, by_stage in spent
    ]
    return _bars(parts)


def time_bars(seconds: Iterable[tuple[str, Mapping[str, float]]]) -> tuple[Bar, ...]:
    """Where the time went: a bar a system, by stage, all on one scale.

    Args:
        seconds: label of the bar, and its mean by stage.
    """
    order = tuple(STAGE_LABELS)
    parts = [(label, [(s, "", took[s]) for s in known(took, order)]) for label, took in seconds]
    return _bars(parts)


def count_bars(counts: Iterable[tuple[str, float]]) -> tuple[Bar, ...]:
    """A bar a count, all on one scale.

    Args:
        counts: label and number.
    """
    return _bars([(label, [(COUNT, "", number)]) for label, number in counts])


def kinds(spent: Mapping[str, float]) -> dict[str, float]:
    """Tokens of one stage as they are drawn: what the prefix cache served stands apart.

    Args:
        spent: `prompt_text`, `prompt_visual`, `output`, and `cached`: how many of the prompt's
            were served from the cache. Prefixes start with media, if there are any.

    >>> kinds({"prompt_text": 10, "prompt_visual": 30, "output": 5, "cached": 32})
    {'cached': 32, 'text': 8, 'visual': 0, 'output': 5}
    """
    text, visual = spent.get("prompt_text", 0), spent.get("prompt_visual", 0)
    cached = min(spent.get("cached", 0), text + visual)
    of_visual = min(cached, visual)
    return {
        "cached": cached,
        "text": text - (cached - of_visual),
        "visual": visual - of_visual,
        "output": spent.get("output", 0),
    }


def known(given: Iterable[str], order: Sequence[str]) -> list[str]:
    """Names in their order; those that the order does not know stand behind.

    >>> known(["judge", "new", "query_ecr"], STAGES)
    ['query_ecr', 'judge', 'new']
    """
    names = list(given)
    return [n for n in order if n in names] + [n for n in names if n not in order]


def stage_labels(stages: Iterable[str]) -> list[tuple[str, str]]:
    """The stages that occur, each once and in order, with their names for people."""
    names = dict.fromkeys(stages)
    return [(name, STAGE_LABELS.get(name, name)) for name in known(names, tuple(STAGE_LABELS))]


def _bars(parts: Sequence[tuple[str, Sequence[tuple[str, str, float]]]]) -> tuple[Bar, ...]:
    longest = max((sum(n for *_, n in one) for _, one in parts), default=0) or 1
    return tuple(
        Bar(
            label=label,
            segments=tuple(
                Segment(stage=stage, kind=kind, label=_label(label, stage, kind), amount=amount,
                        percent=100 * amount / longest)
                for stage, kind, amount in one
                if amount > 0
            ),
        )
        for label, one in parts
    )  # fmt: skip


def _label(bar: str, stage: str, kind: str) -> str:
    name = bar if stage == COUNT else STAGE_LABELS.get(stage, stage)
    return f"{name}, {KIND_LABELS[kind]}" if kind else name
