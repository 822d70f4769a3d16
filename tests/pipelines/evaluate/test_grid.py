"""What a calibration tries, and how the fronts of bands are put together."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tte2_ray.cascade.policy import NEVER
from tte2_ray.errors import ConfigError
from tte2_ray.pipelines.evaluate.calibrate import Grid
from tte2_ray.pipelines.evaluate.calibrate.fronts import Point, front, joined


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"judge": ()}, r"calibrate\.judge is empty"),
        ({"stop_margin": ()}, r"calibrate\.stop_margin is empty"),
        ({"judge_stop": ()}, r"calibrate\.judge_stop is empty"),
        ({"tolerance": -1.0}, r"calibrate\.tolerance must be at least 0"),
        ({"judge": (1,)}, r"calibrate\.judge holds 1: .* one score alone is no order"),
        ({"judge": (5, -1)}, r"calibrate\.judge holds -1: each must be 0 or at least 2"),
        ({"judge": (0,)}, r"calibrate\.judge is 0 alone"),
        ({"judge_step": (1,)}, r"calibrate\.judge_step holds 1: "),
        ({"rewrite": (-2, 0)}, r"calibrate\.rewrite holds -2: each must be at least 0"),
        ({"rewrite": (8,), "judge": (0, 5)}, r"rewrite tries 8 at least, .* tries 5 at most"),
        ({"band_shares": (1.5,)}, r"calibrate\.band_shares holds 1\.5: .* between 0 and 1"),
        ({"band_shares": (-0.1,)}, r"calibrate\.band_shares holds -0\.1"),
        ({"judge_stop": (float("nan"),)}, r"calibrate\.judge_stop holds nan"),
        ({"stop_margin": (-0.5,)}, r"calibrate\.stop_margin holds -0\.5"),
        ({"fusion_weight": (-1.0,)}, r"calibrate\.fusion_weight holds -1"),
    ],
)
def test_a_grid_that_cannot_be_tried_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Grid(**wrong)


def test_a_grid_may_try_little() -> None:
    least = Grid(judge=(2,), rewrite=(0,), band_shares=(), judge_step=(0,), judge_stop=(),
                 stop_margin=(NEVER,), rewrite_step=(0,), fusion_weight=())  # fmt: skip
    assert list(least.numbers()) == [(2, 0)]
    assert list(least.stops()) == [(0, NEVER, NEVER, 0)]


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=4),
        min_size=1,
        max_size=3,
    )
)
def test_joined_fronts_hold_the_best_of_all_sums(options: list[list[tuple[int, int]]]) -> None:
    points = [[Point(tokens=t, quality=q, choices=((t, q),)) for t, q in band] for band in options]
    found = joined(map(front, points))
    sums = {(0, 0)}
    for band in options:
        sums = {(t + a, q + b) for t, q in sums for a, b in band}
    for least in {q for _, q in sums}:
        cheapest = min(t for t, q in sums if q >= least)
        assert min(p.tokens for p in found if p.quality >= least) == cheapest
    for point in found:
        assert point.tokens == sum(t for t, _ in point.choices)
