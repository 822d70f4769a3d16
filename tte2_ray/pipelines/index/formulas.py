"""What a job takes, by formula: every estimate puts its numbers in here, and nowhere else.

Sizes are in bytes, times in seconds. How many requests and objects a shard takes is counted by
`tests/pipelines/test_formulas.py` on an S3 server, and held to these numbers.
"""

import json
import math

from tte2_ray.engines.tokens import CHARS_PER_TOKEN

OBJECTS_A_SHARD = 6
"""Its rows, ECRs and vectors, and three markers; each is put once."""
HEADS_A_SHARD = 8
"""While planning 1, in reason 2, embed 3, load 2: is it there, and how long."""
MARKERS_READ = 1
"""Of loading, when rows are accounted for."""
READ_BYTES = 1 << 20
"""Of a table by one request."""
FILE_BYTES = 5_000
"""Of a Parquet file beside its rows: schema and statistics."""
KEY_BYTES = 64
"""Of the two keys of a row in a table: 64 hexadecimal digits each, half of that compressed."""
TEXT_SHARE = 0.4
"""Of an ECR's characters, what is left of them in a table."""
FLOAT_BYTES = 4
LIST_PAGE = 1000
"""Keys that one LIST request tells."""
MEDIA_GETS = 2
"""Of a media file: to reason about it, and to embed it."""
DRIVER_BASE_BYTES = 300_000_000
"""Of the driver's memory: its libraries and Ray's (`make scale` states its peak)."""
DRIVER_BYTES_A_SHARD = 5_000
"""Of the driver's memory, at most: the shard in the plan, what is still to do, and Ray Data's rows
of it. `make scale` holds the driver to it."""
ID_BYTES = 40
"""Of the temporary file in which the driver looks for ids that come twice (`corpus.seen`)."""
PLAN_ROWS_S = 15_000.0
"""Rows of a Parquet manifest that one core of a laptop cuts into shards, as long as the file of the
ids fits into its memory or lies on NVMe; without the HEAD requests of media files."""


def phase_seconds(
    rows: float, amount: float, per_s: float, replicas: float = 1, start_s: float = 0.0
) -> float:
    """Time of a phase: start of its engine + its tokens / (tokens a second × replicas).

    Args:
        rows: to do.
        amount: tokens of a row, read and written; 1 in a phase without a model.
        per_s: of those, by one replica in a second.
        replicas: at work.
        start_s: until an engine works.

    >>> phase_seconds(7200, 1100, 1100.0, replicas=2, start_s=60)
    3660.0
    """
    return start_s + rows * amount / (per_s * replicas)


def shards_of(rows: float, rows_per_shard: int) -> int:
    """Shards of so many rows.

    >>> shards_of(1_000_000_000, 128)
    7812500
    """
    return math.ceil(rows / rows_per_shard)


def rows_per_shard_for(rows: float, most_shards: int) -> int:
    """The smallest power of two that keeps a corpus to so many shards.

    >>> rows_per_shard_for(1_000_000_000, 250_000)
    4096
    """
    return 1 << max(0, math.ceil(math.log2(rows / most_shards)))


def table_reads(size: float) -> int:
    """GET requests for a table: its end, then what it holds, piece by piece.

    >>> table_reads(3_000), table_reads(3_243_578)
    (2, 5)
    """
    return 1 + math.ceil(size / READ_BYTES)


def ecr_table_bytes(rows: float, output_tokens: float) -> float:
    """Of an ECR table.

    Args:
        rows: in it.
        output_tokens: of an ECR.
    """
    return FILE_BYTES + rows * (KEY_BYTES + TEXT_SHARE * ecr_bytes(output_tokens))


def vector_table_bytes(rows: float, dimension: int) -> float:
    """Of a vector table; floats of a vector do not compress.

    Args:
        rows: in it.
        dimension: of the vectors.
    """
    return FILE_BYTES + rows * (KEY_BYTES + FLOAT_BYTES * dimension)


def ecr_bytes(output_tokens: float) -> float:
    """Of an ECR as text."""
    return CHARS_PER_TOKEN * output_tokens


def shard_gets(rows_bytes: float, ecr_table: float, vector_table: float) -> int:
    """GET requests of a shard: rows and ECRs are read twice, vectors once, its marker once.

    Args:
        rows_bytes: of its rows.
        ecr_table: bytes.
        vector_table: bytes.

    >>> shard_gets(3_000, 16_000, 53_000)
    11
    """
    tables = 2 * table_reads(rows_bytes) + 2 * table_reads(ecr_table) + table_reads(vector_table)
    return tables + MARKERS_READ


def rerun_lists(shards: float) -> float:
    """LIST requests of a run that goes on: tables and markers of three phases, three times.

    >>> rerun_lists(1000)
    15.0
    """
    return 3 * (OBJECTS_A_SHARD - 1) * shards / LIST_PAGE


def plan_bytes(shards: float, rows_per_shard: int) -> float:
    """Of plan.json: name, rows, rejected rows and earlier name of each shard.

    >>> plan_bytes(1, 128)
    50
    """
    return shards * len(json.dumps(["f" * 32, rows_per_shard, 0, ""]) + ", ")
