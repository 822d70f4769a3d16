"""Readers of a query log: Parquet, JSONL or TREC topics, streamed row by row; and its frozen form.

    locate ─▶ parquet │ jsonl │ topics ─▶ parse_log_row ─▶ first of each id ─▶ LogRow | RejectedRow

A bad row is a `RejectedRow` that says where it stood; only a log that is missing, empty or
unreadable as a whole ends the job.
"""

from tte2_ray.artifacts.query_log.first_stage import FirstStage
from tte2_ray.artifacts.query_log.frozen import Frozen, frozen_query
from tte2_ray.artifacts.query_log.reader import LogFormat, locate_log, read_log
from tte2_ray.artifacts.query_log.rows import LogRow, parse_log_row

__all__ = [
    "FirstStage",
    "Frozen",
    "LogFormat",
    "LogRow",
    "frozen_query",
    "locate_log",
    "parse_log_row",
    "read_log",
]
