"""Paired differences: what queries have in common is no doubt about which run is better."""

import numpy as np
import pytest

from tte2_ray.metrics import difference, mean_of_means


def test_a_paired_difference_is_surer_than_two_means() -> None:
    rng = np.random.default_rng(0)
    before = {"hard": rng.random(300) < 0.2, "easy": rng.random(300) < 0.9}
    before = {task: values.astype(float) for task, values in before.items()}
    after = {task: np.maximum(values, rng.random(300) < 0.05) for task, values in before.items()}
    gain = difference(after, before)
    alone = mean_of_means(list(before.values()))
    assert gain.low > 0
    assert gain.high - gain.low < (alone.high - alone.low) / 1.5
    assert gain.value == pytest.approx(
        np.mean([after[t].mean() - before[t].mean() for t in before])
    )
    assert gain.n == 600


def test_what_is_not_paired_is_refused() -> None:
    one, two = {"a": np.zeros(3)}, {"a": np.zeros(4)}
    with pytest.raises(ValueError, match="the same queries"):
        difference(one, two)
    with pytest.raises(ValueError, match="the same queries"):
        difference(one, {"b": np.zeros(3)})
