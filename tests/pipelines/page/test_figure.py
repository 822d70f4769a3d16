"""The figure: every name stands in it, nothing of it runs, and 0 has a place."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipelines.page.reading import HOSTILE, svg_of, svg_words
from tte2_ray.pipelines.page.figure import Line, Point, area, quality_figure, token_ticks
from tte2_ray.pipelines.page.labels import place_labels

SYSTEMS = tuple(
    Point(label=f"system {n}", tokens=tokens, quality=0.5 + n / 20, low=0.48 + n / 20,
          high=0.52 + n / 20, parameters=(n + 1) * 2e9)
    for n, tokens in enumerate((0, 90, 800, 1_000, 9_000))
)  # fmt: skip
SWEEP = Line(
    label="by budget",
    points=tuple(Point(label=f"{tokens:,}", tokens=90 + tokens, quality=0.55 + tokens / 40_000)
                 for tokens in (0, 64, 512, 4096)),
)  # fmt: skip


def test_every_system_and_line_is_named_with_axes_and_sizes() -> None:
    words = svg_words(svg_of(quality_figure(SYSTEMS, [SWEEP], "quality of it")))
    for wanted in (*(point.label for point in SYSTEMS), "by budget", "quality of it", "4,096"):
        assert wanted in words
    assert "10 B parameters" in words, "what the area of a marker means"
    assert any(word.startswith("mean tokens a query") for word in words)
    assert {"0", "64", "256", "1,024"} <= set(words), "ticks"


def test_a_system_without_tokens_stands_at_the_tick_of_zero() -> None:
    svg = svg_of(quality_figure(SYSTEMS, [], "quality"))
    tick = next(one for one in svg.iter() if one.tag.endswith("}text") and one.text == "0")
    marks = [
        float(use.attrib["x"]) for group in svg.iter()
        if group.attrib.get("id", "").startswith("PathCollection")
        for use in group.iter() if use.tag.endswith("}use")
    ]  # fmt: skip
    assert len(marks) == len(SYSTEMS)
    assert marks == sorted(marks)
    assert marks[0] == pytest.approx(float(tick.attrib["x"]), abs=0.5)
    assert marks[1] - marks[0] > 40, "and apart from the first that costs something"


def test_names_are_shown_as_they_are_and_nothing_runs() -> None:
    point = Point(label=HOSTILE, tokens=10, quality=0.5)
    svg = svg_of(quality_figure([point], [Line(label=HOSTILE, points=(point,))], HOSTILE))
    assert svg_words(svg).count(HOSTILE) >= 3, "neither markup nor a formula"
    assert not [one for one in svg.iter() if one.tag.endswith("script")]
    assert not [name for one in svg.iter() for name in one.attrib if name.startswith("on")]


def test_the_same_values_make_the_same_bytes() -> None:
    first, again = (quality_figure(SYSTEMS, [SWEEP], "quality") for _ in range(2))
    assert first == again


def test_names_of_points_that_crowd_cover_neither_each_other_nor_a_marker() -> None:
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation

    points = [Point(label=f"a rather long name {n}", tokens=900 + 40 * n, quality=0.5 + 0.002 * n)
              for n in range(5)]  # fmt: skip
    figure = Figure(figsize=(10, 6), dpi=72)
    axes = figure.add_subplot()
    axes.set_xlim(0, 2_000)
    axes.set_ylim(0.3, 0.7)
    place_labels(axes, points, [40.0] * 5, [])
    boxes = [one.get_window_extent() for one in axes.texts if isinstance(one, Annotation)]
    assert len(boxes) == len(points)
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    for box, point in itertools.product(boxes, points):
        assert not box.contains(*axes.transData.transform((point.tokens, point.quality)))
        assert axes.bbox.x0 <= box.x0
        assert box.x1 <= axes.bbox.x1


def test_a_budget_is_left_unnamed_where_there_is_no_room() -> None:
    crowd = tuple(Point(label=f"budget {n}", tokens=100 + n / 10, quality=0.5) for n in range(30))
    words = svg_words(svg_of(quality_figure([], [Line(label="line", points=crowd)], "quality")))
    named = [word for word in words if re.fullmatch(r"budget \d+", word)]
    assert 1 <= len(named) < 20


def test_a_single_point_without_interval_size_or_tokens_is_drawn() -> None:
    words = svg_words(svg_of(quality_figure([Point(label="one", tokens=0, quality=0.0)], [], "q")))
    assert "one" in words


def test_the_area_of_a_marker_is_in_proportion_to_the_size() -> None:
    assert area(8e9, 8e9) == pytest.approx(2 * area(4e9, 8e9))
    assert 0 < area(1, 8e9) < area(2e9, 8e9), "the smallest is to be seen, too"


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=9))
def test_ticks_begin_at_zero_and_end_behind_the_last_value(tokens: list[float]) -> None:
    start, ticks = token_ticks(tokens)
    assert ticks == sorted(set(ticks))
    assert ticks[:2] == [0, start]
    assert max(tokens) <= ticks[-1]
    assert len(ticks) <= 14
