"""95 % intervals: percentile bootstrap (Efron 1979) by a fixed seed; of a share near 1, Wilson's.

Letters: B resamples, C clusters, Q queries.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

RESAMPLES = 2000
BOUNDS = (2.5, 97.5)
"""Percentiles of a 95 % interval."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


def share(right: int, n: int) -> Estimate:
    """The share of independent trials that were right, with Wilson's score interval (1927).

    A bootstrap of a share of 1 would have an interval of no width.

    >>> share(300, 300)
    Estimate(value=1.0, low=0.987..., high=1.0, n=300)
    """
    value, z = right / n, 1.959964
    middle = (value + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(value * (1 - value) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Estimate(value=value, low=max(0.0, middle - half), high=min(1.0, middle + half), n=n)


def ratio(parts: Mapping[str, tuple[float, float]], seed: int = 0) -> Estimate:
    """Sum of the first numbers over sum of the second, clusters resampled.

    Args:
        parts: by cluster, what is right and what there is.
        seed: of the resampling.

    >>> ratio({"a": (1, 2), "b": (1, 2)})
    Estimate(value=0.5, low=0.5, high=0.5, n=4)
    """
    import numpy as np

    right_C, all_C = np.array(list(parts.values()), dtype=np.float64).T
    rng = np.random.default_rng(seed)
    size = len(right_C)
    drawn = []
    for _ in range(RESAMPLES):
        count_C = np.bincount(rng.integers(size, size=size), minlength=size)
        drawn.append(count_C @ right_C / max(count_C @ all_C, 1e-12))
    low, high = np.percentile(drawn, BOUNDS)
    value = right_C.sum() / all_C.sum()
    return Estimate(value=float(value), low=float(low), high=float(high), n=int(all_C.sum()))


def mean_of_means(groups: Sequence["Array"], seed: int = 0) -> Estimate:
    """The mean over tasks of the mean over queries, queries resampled within their task.

    Args:
        groups: a value a query, one array a task. Differences of paired runs give the interval of
            a paired difference.
        seed: of the resampling.

    >>> import numpy as np
    >>> mean_of_means([np.array([0.0, 0.0]), np.array([1.0, 1.0])])
    Estimate(value=0.5, low=0.5, high=0.5, n=4)
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    means_B = np.zeros(RESAMPLES)
    for values_Q in groups:
        picked_BQ = rng.integers(len(values_Q), size=(RESAMPLES, len(values_Q)))
        means_B += values_Q[picked_BQ].mean(axis=1) / len(groups)
    low, high = np.percentile(means_B, BOUNDS)
    value = float(np.mean([group.mean() for group in groups]))
    return Estimate(value=value, low=float(low), high=float(high), n=sum(map(len, groups)))


def difference(
    after: Mapping[str, "Array"], before: Mapping[str, "Array"], seed: int = 0
) -> Estimate:
    """How much better one run is than another over the same queries: paired, the mean over tasks.

    Args:
        after: a value a query, by task.
        before: of the same queries in the same order.
        seed: of the resampling.

    Raises:
        ValueError: the runs are not of the same tasks and queries.

    >>> import numpy as np
    >>> difference({"qa": np.array([1.0, 1.0])}, {"qa": np.array([0.0, 0.0])}).value
    1.0
    """
    if {task: len(v) for task, v in after.items()} != {task: len(v) for task, v in before.items()}:
        raise ValueError("only runs over the same queries of the same tasks are paired")
    return mean_of_means([after[task] - before[task] for task in before], seed)
