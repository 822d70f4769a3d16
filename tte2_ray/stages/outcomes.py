"""The rows that a shard of queries leaves (see `answer_tables`), and what they count."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from tte2_ray.cascade import Reranked
from tte2_ray.errors import RowErrorClass
from tte2_ray.schema import Item
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.ready import Ready, Refused
from tte2_ray.stages.work import Row

MISSING_NAMED = 5
"""Ids of candidates that are not in the index, named in an outcome."""
MISSING = "missing_candidates"
"""Their name among the notes of an outcome."""
UNBOUNDED = -1
LASTING: Final = frozenset(
    (RowErrorClass.OVER_PRICE, RowErrorClass.EMPTY_ECR, RowErrorClass.CONTEXT_OVERFLOW)
)
"""Refusals that follow from what the fingerprint of a reranking names: they come again each time.
Others, as of a store that did not answer, may pass."""
REFUSED: Final = "refused:"
"""Before stage and class, among the notes of an outcome."""


def rows_of(answer: Reranked) -> list[dict[str, Any]]:
    """The judgements of a query, with where each item is found; without the models' versions."""
    pairs = zip(answer.to_rows(), answer.judgements, strict=True)
    return [row | {"shard": judgement.candidate.shard} for row, judgement in pairs]


def counted(outcomes: Sequence[Row]) -> Counts:
    """What became of the queries of a shard.

    Args:
        outcomes: a row each.
    """
    again = sum(any(map(_may_pass, json.loads(row["notes"]))) for row in outcomes)
    return replace(Counts.of_table(outcomes), refused=again)


def _may_pass(note: str) -> bool:
    return note.startswith(REFUSED) and note.rpartition(":")[2] not in LASTING


def outcome_row(item: Item, found: Ready | Refused, answer: Reranked | None) -> Row:
    """What became of a query.

    Args:
        item: the query.
        found: what it was given.
        answer: None where it was refused.
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
    return row | {
        "step": answer.step,
        "degraded": answer.degraded or bool(found.missing),
        "candidates": len(found.candidates),
        "missing": len(found.missing),
        "wanted_judgements": answer.wanted_judgements,
        "wanted_rewrites": answer.wanted_rewrites,
        "allowed": UNBOUNDED if answer.allowed is None else answer.allowed,
        "spent": answer.spent,
        "judge_s": answer.seconds.get("judge", math.nan),
        "rewrite_s": answer.seconds.get("rewrite", math.nan),
        "ecr": found.asked.ecr,
        "notes": json.dumps(notes, ensure_ascii=False),
    }
