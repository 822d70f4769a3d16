"""The page of an evaluation: one figure first, then what stands behind it.

results.json ─▶ figure · systems · steps · first ranks · tasks · tokens · latency ┐
examples     ─▶ wins and losses, with pictures                                    ┴▶ HTML
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tte2_ray.engines.config import MINI
from tte2_ray.pipelines.evaluate.report.systems import (
    MM_RANKER,
    Look,
    cascade_of,
    figure,
    looks,
    policy_figure,
)
from tte2_ray.pipelines.evaluate.report.tables import (
    first_ranks,
    label,
    rising,
    steps,
    task_groups,
    warned,
)
from tte2_ray.pipelines.page.bars import Bar, stage_labels, time_bars, token_bars
from tte2_ray.pipelines.page.render import count, latency, render
from tte2_ray.pipelines.page.shown import Picture, QueryView, ShownQuery, view

TEMPLATE = Path(__file__).with_name("report.html.j2")
OPTIONAL: Mapping[str, Any] = dict.fromkeys(
    ("split", "folder", "notes", "models", "files", "groups", "steps", "sweep", "policies",
     "seconds", "items", "message", "exit_code")
)  # fmt: skip
"""Of results.json; a part of the page is left out where one is missing."""
OPTIONAL_OF_A_ROW: Mapping[str, Any] = dict.fromkeys(
    ("steps", "reranking_tokens_per_query", "change", "difference", "kind")
)
"""Of a system, of a budget of the sweep, and of a policy."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A query on which one system did better, or worse, than another."""

    kind: Literal["win", "loss"]
    task: str
    before_system: str
    after_system: str
    value_before: float
    """Of the task's measure."""
    value_after: float
    shown: ShownQuery


@dataclass(frozen=True, kw_only=True)
class ExampleView:
    """An example, ready for the template."""

    example: Example
    before: str
    after: str
    """Labels of the systems."""
    shown: QueryView


def evaluate_report(
    results: Mapping[str, Any], examples: Sequence[Example], *, picture: Picture
) -> str:
    """The page, as HTML.

    Args:
        results: results.json of the evaluation.
        examples: wins and losses; all are shown.
        picture: makes a thumbnail of an item.
    """
    by_name = looks(results)
    return render(
        TEMPLATE,
        it=_whole(results),
        looks=by_name,
        figure=figure(results),
        policy_figure=policy_figure(results),
        cascade=cascade_of(results),
        ranker=_named(results, MM_RANKER),
        label=lambda name: label(by_name, name),
        never_falls=rising([row.get("change") for row in results.get("sweep") or []]),
        steps=steps(results, by_name),
        ranks=first_ranks(results, by_name),
        groups=task_groups(results, by_name),
        warned=warned(results, by_name),
        wins=_examples("win", examples, by_name, picture),
        losses=_examples("loss", examples, by_name, picture),
        tokens=token_bars((system["label"], system["spent"]) for system in results["systems"]),
        stages=stage_labels(stage for system in results["systems"] for stage in system["spent"]),
        offline=_offline(results),
        times=time_bars((name, _means(took)) for name, took in _timed(results)),
        time_stages=stage_labels(stage for _, took in _timed(results) for stage in took),
        timed=_timed(results),
        as_tokens=lambda tokens: f"{count(tokens)} tokens",
        as_time=latency,
        miniature=any(str(m.get("name", "")).startswith(MINI)
                      for m in (results.get("models") or {}).values()),
    )  # fmt: skip


def _whole(results: Mapping[str, Any]) -> dict[str, Any]:
    """The same, None for what is missing."""
    rows = {
        name: [{**OPTIONAL_OF_A_ROW, **row} for row in results.get(name) or []]
        for name in ("systems", "sweep", "policies")
    }
    return {**OPTIONAL, **results, **rows}


def _named(results: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return next((system for system in results["systems"] if system["name"] == name), None)


def _examples(
    kind: str, examples: Sequence[Example], by_name: Mapping[str, Look], picture: Picture
) -> tuple[ExampleView, ...]:
    return tuple(
        ExampleView(
            example=one,
            before=label(by_name, one.before_system),
            after=label(by_name, one.after_system),
            shown=view(one.shown, picture),
        )
        for one in examples
        if one.kind == kind
    )


def _offline(results: Mapping[str, Any]) -> tuple[Bar, ...]:
    """The ECRs of the index, spread over the queries: never part of what a query costs."""
    spent = [
        (system["label"], {"index_ecr": {"prompt_text": ecr["prompt"], "output": ecr["output"]}})
        for system in results["systems"]
        if (ecr := system.get("offline_ecr"))
    ]
    return token_bars(spent)


def _timed(results: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Mapping[str, Any]]]]:
    """Label and latency by stage of the systems whose latency was measured."""
    return [(s["label"], s["latency_s"]) for s in results["systems"] if s.get("latency_s")]


def _means(took: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    return {stage: times["mean"] for stage, times in took.items() if times["mean"] is not None}
