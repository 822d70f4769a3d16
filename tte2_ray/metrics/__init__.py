"""How good an order is, query by query, and how sure one can be of a mean or of a difference."""

from tte2_ray.metrics.intervals import Estimate, difference, mean_of_means, ratio, share
from tte2_ray.metrics.ranking import per_query, require_measure
from tte2_ray.metrics.trec import read_qrels, read_run, run_lines

__all__ = [
    "Estimate",
    "difference",
    "mean_of_means",
    "per_query",
    "ratio",
    "read_qrels",
    "read_run",
    "require_measure",
    "run_lines",
    "share",
]
