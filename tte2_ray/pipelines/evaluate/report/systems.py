"""How the systems of an evaluation look: one colour and shape each, in the figure and in bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tte2_ray.pipelines.page.figure import Line, Point, Style, quality_figure

MM_RANKER = "mm_ranker"
COLOURS = ("#5b6474", "#2f5fd0", "#0e7a6d", "#b54708", "#6941c6", "#98365f", "#3b7c0f", "#344054")
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
QUALITY = "quality: mean over tasks"
BUDGETS = {"tokens_per_query": "each query", "mean_tokens_per_query": "mean over the job"}
"""What a budget bounds."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """Of one system."""

    name: str
    label: str
    colour: str
    marker: str


def looks(results: Mapping[str, Any]) -> dict[str, Look]:
    """By name, in the order of results.json.

    Args:
        results: of the evaluation.
    """
    return {
        system["name"]: Look(
            name=system["name"],
            label=system["label"],
            colour=COLOURS[place % len(COLOURS)],
            marker=MARKERS[place % len(MARKERS)],
        )
        for place, system in enumerate(results["systems"])
    }


def cascade_of(results: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The last system that does not look at everything; None where there is none."""
    found = [system for system in results["systems"] if system["name"] != MM_RANKER]
    return found[-1] if found else None


def figure(results: Mapping[str, Any]) -> str:
    """Quality against mean tokens a query: every system, and the sweeps over budgets.

    Args:
        results: of the evaluation.

    Returns:
        A `data:` URI; "" where there is no system.
    """
    if not results["systems"]:
        return ""
    by_name = looks(results)
    points = [
        _point(system, system["label"], look.colour, look.marker, system["parameters"])
        for system, look in zip(results["systems"], by_name.values(), strict=True)
    ]
    return quality_figure(points, _sweeps(results, by_name), QUALITY)


def policy_figure(results: Mapping[str, Any]) -> str:
    """Quality against mean tokens a query: the calibrated policy among the fixed ones.

    Args:
        results: of the evaluation.

    Returns:
        A `data:` URI; "" where no policies were compared.
    """
    policies = results.get("policies") or []
    if not policies:
        return ""
    fixed = [one for one in policies if one["name"].startswith("fixed")]
    others = [one for one in policies if one not in fixed]
    points = [
        _point(one, one["name"], COLOURS[(3 + place) % len(COLOURS)], MARKERS[3 + place % 4])
        for place, one in enumerate(others)
    ]
    lines = [_line("fixed n, m", fixed, COLOURS[0], style="")] if fixed else []
    return quality_figure(points, lines, QUALITY)


def _sweeps(results: Mapping[str, Any], by_name: Mapping[str, Look]) -> list[Line]:
    """A line for each system and kind of budget."""
    rows: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in results.get("sweep") or []:
        rows.setdefault((row["system"], row.get("kind", "")), []).append(row)
    return [
        _line(_sweep_label(by_name, system, kind), group,
              by_name[system].colour if system in by_name else COLOURS[-1],
              style="--" if kind.startswith("mean") else "-")
        for (system, kind), group in rows.items()
    ]  # fmt: skip


def _sweep_label(by_name: Mapping[str, Look], system: str, kind: str) -> str:
    label = by_name[system].label if system in by_name else system
    bounds = BUDGETS.get(kind, kind)
    return f"{label}, by budget" + (f" ({bounds})" if bounds else "")


def _line(label: str, rows: Sequence[Mapping[str, Any]], colour: str, style: Style) -> Line:
    points = [_point(row, _name(row), colour, "o") for row in rows]
    return Line(label=label, points=tuple(sorted(points, key=lambda p: p.tokens)), colour=colour,
                style=style)  # fmt: skip


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['budget']:,}" if "budget" in row else row["name"].removeprefix("fixed ")


def _point(
    row: Mapping[str, Any], label: str, colour: str, marker: str, parameters: float = 0.0
) -> Point:
    quality = row["quality"]
    return Point(
        label=label,
        tokens=row["tokens_per_query"]["value"],
        quality=quality["value"],
        low=quality.get("low"),
        high=quality.get("high"),
        parameters=parameters,
        colour=colour,
        marker=marker,
    )
