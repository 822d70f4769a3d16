"""MMEB-V2 in the on-disk form that its public evaluation code uses (docs/mmeb-v2.md).

annotations (Parquet, JSONL) ─ parse ─▶ queries, candidates, grades ─ stage ─▶ manifest a task
"""

from tte2_ray.pipelines.evaluate.mmeb.read import read_mmeb
from tte2_ray.pipelines.evaluate.mmeb.specs import SPECS, Spec

__all__ = ["SPECS", "Spec", "read_mmeb"]
