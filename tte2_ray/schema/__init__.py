"""The rows that cross a boundary: one Arrow schema each, with a version in its metadata.

Strings are never null: "" stands for "nothing" (None in an object column is stored pickled by Ray
and cannot be read back from Parquet).
"""

from tte2_ray.schema.items import (
    ITEM_ID_MAX_BYTES,
    SCHEMA_VERSION,
    Item,
    Modality,
    check_item_id,
    dead_letter_schema,
    ecr_schema,
    item_schema,
    shard_schema,
    vector_schema,
)
from tte2_ray.schema.runs import (
    asked_schema,
    judgement_schema,
    kept_schema,
    ledger_schema,
    outcome_schema,
    query_schema,
)

__all__ = [
    "ITEM_ID_MAX_BYTES",
    "SCHEMA_VERSION",
    "Item",
    "Modality",
    "asked_schema",
    "check_item_id",
    "dead_letter_schema",
    "ecr_schema",
    "item_schema",
    "judgement_schema",
    "kept_schema",
    "ledger_schema",
    "outcome_schema",
    "query_schema",
    "shard_schema",
    "vector_schema",
]
