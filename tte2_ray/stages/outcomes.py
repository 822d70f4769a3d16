"""The rows that a shard of queries leaves, and where they lie.

<prefix>/shard-<name>.parquet              what became of each query; written last
<prefix>/shard-<name>.judgements.parquet   candidates in their final orders
<prefix>/shard-<name>.ledger.parquet       tokens by stage
"""

import json
import math
from typing import Any

from tte2_ray.artifacts.markers import table_key
from tte2_ray.artifacts.shards import Shard
from tte2_ray.cascade import BudgetConfig, Reranked
from tte2_ray.schema import Item
from tte2_ray.stages.ready import Ready, Refused
from tte2_ray.stages.work import Row

MISSING_NAMED = 5
"""Ids of candidates that are not in the index, named in an outcome."""
MISSING = "missing_candidates"
"""Their name among the notes of an outcome."""
UNBOUNDED = -1


def judgements_key(prefix: str, shard: Shard) -> str:
    """Where the judgements of a shard lie."""
    return _beside(prefix, shard, "judgements")


def ledger_key(prefix: str, shard: Shard) -> str:
    """Where the ledger of a shard lies."""
    return _beside(prefix, shard, "ledger")


def _beside(prefix: str, shard: Shard, what: str) -> str:
    return f"{table_key(prefix, shard).removesuffix('.parquet')}.{what}.parquet"


def rows_of(answer: Reranked) -> list[dict[str, Any]]:
    """The judgements of a query, with where each item is found; without the models' versions."""
    pairs = zip(answer.to_rows(), answer.judgements, strict=True)
    return [row | {"shard": judgement.candidate.shard} for row, judgement in pairs]


def outcome_row(
    item: Item, found: Ready | Refused, answer: Reranked | None, budget: BudgetConfig
) -> Row:
    """What became of a query.

    Args:
        item: the query.
        found: what it was given.
        answer: None where it was refused.
        budget: of the job.
    """
    row: Row = {
        "item_id": item.item_id, "step": "", "degraded": False, "candidates": 0, "missing": 0,
        "wanted_judgements": 0, "wanted_rewrites": 0, "allowed": UNBOUNDED, "spent": 0,
        "judge_s": math.nan, "rewrite_s": math.nan,
        "ecr": "", "notes": "{}", "error_class": "", "error_message": "", "error_stage": "",
    }  # fmt: skip
    if isinstance(found, Refused):
        return row | {
            "error_class": found.error_class,
            "error_message": found.message,
            "error_stage": found.stage,
        }
    assert answer is not None, "every query that was ready was answered"
    notes: dict[str, Any] = dict(answer.notes)
    if found.missing:
        notes[MISSING] = list(found.missing[:MISSING_NAMED])
    allowed = budget.tokens_per_query
    return row | {
        "step": answer.step,
        "degraded": answer.degraded or bool(found.missing),
        "candidates": len(found.candidates),
        "missing": len(found.missing),
        "wanted_judgements": answer.wanted_judgements,
        "wanted_rewrites": answer.wanted_rewrites,
        "allowed": UNBOUNDED if allowed is None else allowed,
        "spent": answer.spent,
        "judge_s": answer.seconds.get("judge", math.nan),
        "rewrite_s": answer.seconds.get("rewrite", math.nan),
        "ecr": found.asked.ecr,
        "notes": json.dumps(notes, ensure_ascii=False),
    }
