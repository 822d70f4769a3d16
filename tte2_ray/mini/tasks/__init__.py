"""The tasks of the miniature, after the types of MMEB-V2, one `Case` at a time.

A case is a query, the candidate that answers it, and near-misses that do not. Training uses cases
as they are; `world.py` gathers the candidates of many cases into corpora and pools.
"""

from tte2_ray.mini.tasks.case import TASKS, Candidate, Case, Task, phrase
from tte2_ray.mini.tasks.make import case_about, make_case

__all__ = ["TASKS", "Candidate", "Case", "Task", "case_about", "make_case", "phrase"]
