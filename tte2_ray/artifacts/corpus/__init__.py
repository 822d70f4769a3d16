"""Readers of the input: Parquet, JSONL or a folder of files, streamed row by row.

    locate ─▶ read (parquet │ jsonl │ files) ─▶ parse_row ─▶ first of each id ─▶ Item or another

A bad row is a `RejectedRow` that says where it stood; only a corpus that is missing, empty or
unreadable as a whole ends the job.
"""

from tte2_ray.artifacts.corpus.reader import read_corpus, require_items
from tte2_ray.artifacts.corpus.rows import CorpusRow, RejectedRow, Tombstone, parse_row
from tte2_ray.artifacts.corpus.source import CorpusFormat

__all__ = [
    "CorpusFormat",
    "CorpusRow",
    "RejectedRow",
    "Tombstone",
    "parse_row",
    "read_corpus",
    "require_items",
]
