"""report.html of a reranked log: what became of its queries and what that took, seen by a person;
one file, no script, nothing fetched."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tte2_ray.artifacts.dead_letters import DeadLetter
from tte2_ray.engines.config import MINI
from tte2_ray.pipelines.page.bars import (
    Bar,
    Histogram,
    count_bars,
    histogram,
    known,
    stage_labels,
    token_bars,
)
from tte2_ray.pipelines.page.render import count, render
from tte2_ray.pipelines.page.shown import Picture, ShownQuery, view

TEMPLATE = Path(__file__).with_name("report.html.j2")
LETTERS_SHOWN = 60
STEPS = ("full", "fewer_rewrites", "fewer_judgements", "retrieval_order")
"""Of the ladder, from the top."""
BOUNDS = {
    "tokens_per_query": "for each query",
    "mean_tokens_per_query": "a query in the mean over the job",
}
"""What a budget bounds."""
OPTIONAL: Mapping[str, Any] = dict.fromkeys(
    ("notes", "message", "exit_code", "kept", "refusals", "offline_ecr_tokens", "phases", "seconds",
     "usd", "estimate", "rejected_by_class", "dead_letters", "models", "fingerprints", "policy")
)  # fmt: skip
"""Of results.json; a part of the page is left out where one is missing."""


def rerank_report(
    results: Mapping[str, Any],
    queries: Sequence[ShownQuery],
    letters: Sequence[DeadLetter],
    tokens: Sequence[int],
    *,
    picture: Picture,
) -> str:
    """The page, as HTML.

    Args:
        results: results.json of the job.
        queries: some, with their candidates before and after.
        letters: rejected queries; the first of them are shown.
        tokens: what reranking spent, a number a query: of all, or of a sample.
        picture: makes a thumbnail of an item.
    """
    models = (results.get("models") or {}).values()
    return render(
        TEMPLATE,
        it={**OPTIONAL, **results},
        bounds=BOUNDS,
        steps=_steps(results),
        spread=_spread(tokens),
        most=max(tokens, default=0),
        looked_at=len(tokens),
        stages=stage_labels(results["spent"]),
        bars=token_bars([("all queries", results["spent"])]),
        as_tokens=lambda number: f"{count(number)} tokens",
        as_queries=lambda number: f"{count(number)} queries",
        shown=[view(query, picture) for query in queries],
        letters=letters[:LETTERS_SHOWN],
        letters_left=max(0, results["queries"]["rejected"] - min(len(letters), LETTERS_SHOWN)),
        adds_up=_adds_up(results["queries"]),
        miniature=any(str(model).startswith(MINI) for model in models),
    )


def _steps(results: Mapping[str, Any]) -> tuple[Bar, ...]:
    """A bar for each step of the ladder, also for those on which no query ended."""
    ended = results["steps"]
    names = [*STEPS, *(name for name in known(ended, STEPS) if name not in STEPS)]
    return count_bars((name.replace("_", " "), ended.get(name, 0)) for name in names)


def _spread(tokens: Sequence[int]) -> Histogram:
    return histogram("tokens that reranking a query took", tokens)


def _adds_up(queries: Mapping[str, int]) -> bool:
    """Queries in = answered + degraded + rejected."""
    return queries["in"] == queries["answered"] + queries["degraded"] + queries["rejected"]
