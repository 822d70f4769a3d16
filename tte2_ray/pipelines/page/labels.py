"""Names in the figure, each beside its point, where they cover least of what is drawn."""

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

    from tte2_ray.pipelines.page.figure import Line, Point

PLACES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
"""Directions from a point in which its label may stand, the best first."""
GAPS = (4.0, 12.0, 24.0)
"""Between a marker's edge and its label, in points."""


def place_labels(
    axes: "Axes", points: "Sequence[Point]", areas: Sequence[float], lines: "Sequence[Line]"
) -> None:
    """Writes the names of points.

    Those along a line are written where there is room, and left out elsewhere.

    Args:
        axes: everything else is drawn, in a figure of 72 dots an inch: a dot is a point.
        points: systems.
        areas: of their markers, in square points.
        lines: sweeps over budgets.
    """
    figure = axes.get_figure(root=True)
    if figure is not None:
        figure.draw_without_rendering()  # the layout settles where a value lies
    taken = list(_drawn(axes, points, areas, lines))
    for point, size in zip(points, areas, strict=True):
        _place(axes, point, point.label, math.sqrt(size) / 2, taken,
               color=point.colour, fontsize=12.5, fontweight="bold")  # fmt: skip
    for line in lines:
        for point in line.points:
            if point.label:
                _place(axes, point, point.label, 3, taken, only_if_free=True,
                       color=line.colour, fontsize=10)  # fmt: skip


def _place(
    axes: "Axes", point: "Point", words: str, radius: float, taken: "list[Bbox]",
    only_if_free: bool = False, **style: Any,
) -> None:  # fmt: skip
    """Takes the first place that is free, or else the one that covers least."""
    note = axes.annotate(words, (point.tokens, point.quality), (0, 0), textcoords="offset points",
                         ha="left", va="bottom", parse_math=False, zorder=5, **style)  # fmt: skip
    at_point = note.get_window_extent()
    best: tuple[float, Bbox] | None = None
    for gap, (across, up) in product(GAPS[:1] if only_if_free else GAPS, PLACES):
        right = across * (radius + gap) + at_point.width * (across - 1) / 2
        higher = up * (radius + gap) + at_point.height * (up - 1) / 2
        box = at_point.translated(right, higher)
        covered = sum(_shared(box, other) for other in taken) + _outside(box, axes.bbox)
        if best is None or covered < best[0]:
            best = (covered, box)
            note.set_position((right, higher))
        if not covered:
            break
    if best and (not best[0] or not only_if_free):
        taken.append(best[1])
    else:
        note.remove()


def _drawn(
    axes: "Axes", points: "Sequence[Point]", areas: Sequence[float], lines: "Sequence[Line]"
) -> "Iterator[Bbox]":
    """What a label should not cover: the legend, markers, intervals, and the way of each line."""
    from matplotlib.transforms import Bbox

    def dots(tokens: float, quality: float) -> tuple[float, float]:
        x, y = axes.transData.transform((tokens, quality))
        return float(x), float(y)

    legend = axes.get_legend()
    if legend is not None:
        yield legend.get_window_extent()
    for point, size in zip(points, areas, strict=True):
        radius = math.sqrt(size) / 2 + 1
        x, y = dots(point.tokens, point.quality)
        yield Bbox.from_extents(x - radius, y - radius, x + radius, y + radius)
        if point.low is not None and point.high is not None:
            bottom, top = dots(point.tokens, point.low)[1], dots(point.tokens, point.high)[1]
            yield Bbox.from_extents(x - 1, bottom, x + 1, top)
    for line in lines:
        where = [dots(point.tokens, point.quality) for point in line.points]
        for (x0, y0), (x1, y1) in zip(where, where[1:] or where, strict=False):
            steps = max(1, int(math.hypot(x1 - x0, y1 - y0) / 4))
            for step in range(steps + 1):
                x, y = x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps
                yield Bbox.from_extents(x - 3, y - 3, x + 3, y + 3)


def _shared(one: "Bbox", other: "Bbox") -> float:
    """The area that two boxes share."""
    width = float(min(one.x1, other.x1) - max(one.x0, other.x0))
    height = float(min(one.y1, other.y1) - max(one.y0, other.y0))
    return max(0.0, width) * max(0.0, height)


def _outside(box: "Bbox", frame: "Bbox") -> float:
    """The area of a box outside a frame, which weighs more: it would be cut off."""
    return 4 * (float(box.width * box.height) - _shared(box, frame))
