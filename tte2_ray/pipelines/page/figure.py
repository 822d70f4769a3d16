"""The figure: quality against tokens a query, as a picture of vectors inside the page.

The tokens stand on a logarithmic axis that has a place for 0. The picture is an `<img>` of its own,
not markup of the page: whatever the names in it hold, a browser runs nothing of it.
"""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tte2_ray.pipelines.page.labels import place_labels
from tte2_ray.pipelines.page.render import parameters

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Style = Literal["-", "--", ""]
INK, SOFT, GRID = "#1d2430", "#667085", "#e4e7ec"
LEAST_AREA, SAME_AREA, MOST_AREA = 36.0, 110.0, 420.0
"""Of a marker, in square points; the second where no size is known."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One system, or one budget of it."""

    label: str
    tokens: float
    """Mean a query."""
    quality: float
    low: float | None = None
    """With `high`, the interval of the quality."""
    high: float | None = None
    parameters: float = 0.0
    """Of its models; the area of the marker. 0: unknown."""
    colour: str = INK
    marker: str = "o"
    """As matplotlib names it."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One system at many budgets."""

    label: str
    points: tuple[Point, ...]
    """By tokens."""
    colour: str = SOFT
    style: Style = "-"
    """As matplotlib names it; "" leaves the points unjoined, and without the band of intervals."""


def quality_figure(points: Sequence[Point], lines: Sequence[Line], quality: str) -> str:
    """Draws the figure.

    Args:
        points: at least one, or a line that has one.
        lines: sweeps over budgets.
        quality: what the vertical axis shows.

    Returns:
        An SVG as a `data:` URI. The same values make the same bytes.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "figure", "font.size": 12.0,
         "font.family": ["DejaVu Sans"], "axes.edgecolor": SOFT}
    ):  # fmt: skip
        figure = Figure(figsize=(10.2, 5.8), dpi=72, layout="constrained")
        axes = figure.add_subplot()
        drawn = [*points, *(point for line in lines for point in line.points)]
        _token_axis(axes, [point.tokens for point in drawn])
        _quality_axis(axes, drawn, quality)
        for line in lines:
            _draw_line(axes, line)
        largest = max((point.parameters for point in points), default=0.0)
        areas = [area(point.parameters, largest) for point in points]
        for point, size in zip(points, areas, strict=True):
            _draw_point(axes, point, size)
        _legend(axes, lines, largest)
        place_labels(axes, points, areas, lines)
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing)
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue().encode()).decode()


def area(parameters: float, largest: float) -> float:
    """The area of a marker: in proportion to the size of the models, down to a least one.

    >>> area(2e9, 8e9), area(8e9, 8e9), area(0, 8e9)
    (105.0, 420.0, 36.0)
    """
    return max(LEAST_AREA, MOST_AREA * parameters / largest) if largest else SAME_AREA


def token_ticks(tokens: Sequence[float]) -> tuple[int, list[int]]:
    """Where the logarithmic part of the token axis begins, and its ticks.

    Args:
        tokens: what is drawn, none negative.

    Returns:
        The greatest power of two that is not above any positive value; 0 and powers of two, or of
        four where those are many, up to the first that is not below any value.

    >>> token_ticks([0, 70, 900])
    (64, [0, 64, 128, 256, 512, 1024])
    >>> token_ticks([20, 6000])[1]
    [0, 16, 64, 256, 1024, 4096, 16384]
    """
    positive = [value for value in tokens if value > 0] or [1.0]
    first = max(0, math.floor(math.log2(min(positive))))
    last = max(first + 1, math.ceil(math.log2(max(positive))))
    step = 1 if last - first <= 7 else 2
    powers = range(first, last + step, step) if step == 2 else range(first, last + 1)
    return 2**first, [0, *(2**power for power in powers)]


def _token_axis(axes: "Axes", tokens: Sequence[float]) -> None:
    start, ticks = token_ticks(tokens)
    # Linear below the first tick: that is the place for 0.
    axes.set_xscale("symlog", base=2, linthresh=start, linscale=0.7)
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(-0.25 * start, max(*tokens, ticks[-1] / 1.4) * 1.5)
    axes.set_xlabel("mean tokens a query (logarithmic from the first tick after 0)", color=INK)


def _quality_axis(axes: "Axes", drawn: Sequence[Point], quality: str) -> None:
    reach = [v for p in drawn for v in (p.quality, p.low, p.high) if v is not None]
    low, high = min(reach), max(reach)
    margin = 0.12 * (high - low) or 0.05
    axes.set_ylim(low - margin, high + margin)
    axes.set_ylabel(quality, color=INK, parse_math=False)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=SOFT, labelcolor=INK)


def _draw_line(axes: "Axes", line: Line) -> None:
    tokens = [point.tokens for point in line.points]
    axes.plot(tokens, [point.quality for point in line.points], color=line.colour, linewidth=2,
              marker="o", markersize=4.5, linestyle=line.style, zorder=2)  # fmt: skip
    bounds = [(p.low, p.high) for p in line.points if p.low is not None and p.high is not None]
    if line.style and len(bounds) == len(line.points):
        lows, highs = zip(*bounds, strict=True)
        axes.fill_between(tokens, lows, highs, color=line.colour, alpha=0.13, linewidth=0, zorder=1)


def _draw_point(axes: "Axes", point: Point, size: float) -> None:
    if point.low is not None and point.high is not None:
        axes.vlines(
            point.tokens, point.low, point.high, color=point.colour, linewidth=1.8, zorder=3
        )
    axes.scatter([point.tokens], [point.quality], s=size, color=point.colour, marker=point.marker,
                 edgecolors="white", linewidths=1.0, zorder=4)  # fmt: skip


def _legend(axes: "Axes", lines: Sequence[Line], largest: float) -> None:
    """What lines are, and what the area of a marker means; where tokens are many and quality is
    low, there is room."""
    from matplotlib.lines import Line2D

    keys = [
        Line2D([], [], color=line.colour, linewidth=2, marker="o", markersize=4.5,
               linestyle=line.style, label=line.label)
        for line in lines
    ]  # fmt: skip
    for size in (largest, largest / 4) if largest else ():
        keys.append(
            Line2D([], [], linestyle="", marker="o", color=SOFT, markeredgecolor="white",
                   markersize=math.sqrt(area(size, largest)),
                   label=f"{parameters(size)} parameters")
        )  # fmt: skip
    if not keys:
        return
    legend = axes.legend(handles=keys, loc="lower right", frameon=True, edgecolor=GRID,
                         fontsize=11, labelcolor=INK, borderpad=0.7, labelspacing=0.7)  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)
