"""A policy from dev queries: where tokens are worth it, found without an engine.

run that looked at everything ─ looked ─▶ scores and prices ─ play ─▶ each policy's order and cost
                                                            └ choose ─▶ the cheapest good one
"""

from tte2_ray.pipelines.evaluate.calibrate.choose import Calibrated, best_fixed, calibrate
from tte2_ray.pipelines.evaluate.calibrate.grid import Grid
from tte2_ray.pipelines.evaluate.calibrate.looked import Looked, read_looked

__all__ = ["Calibrated", "Grid", "Looked", "best_fixed", "calibrate", "read_looked"]
