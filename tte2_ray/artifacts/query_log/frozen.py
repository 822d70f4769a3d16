"""A distinct query as it lies in the store: an `Item` whose metadata says what else was asked."""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from tte2_ray.artifacts.query_log.rows import LogRow
from tte2_ray.schema import Item

_NAME_DIGITS = 32


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """What a query asks for, beside its words and its media."""

    instruction: str = ""
    """The task."""
    pool: tuple[str, ...] = ()
    """Ids of the items that may answer it; empty for the whole index."""
    scores: tuple[float, ...] = ()
    """Of the pool, by a first-stage run, in the order of the run; empty where none was given."""

    @classmethod
    def of(cls, item: Item) -> "Frozen":
        """The inverse of `to_metadata`."""
        found = item.metadata
        return cls(
            instruction=found["instruction"],
            pool=tuple(found["pool"]),
            scores=tuple(found["scores"]),
        )

    def to_metadata(self) -> dict[str, Any]:
        """As an item carries it."""
        return {
            "instruction": self.instruction,
            "pool": list(self.pool),
            "scores": list(self.scores),
        }


def frozen_query(row: LogRow, frozen: Frozen) -> Item:
    """The item of a query, named by a hash of all that was asked: equal queries are one.

    Args:
        row: of the log; its id, its time and its count are no part of the question.
        frozen: what it asks for.
    """
    item = replace(row.given, item_id="", metadata=frozen.to_metadata())
    asked = json.dumps(item.to_row(), sort_keys=True).encode()
    return replace(item, item_id=hashlib.sha256(asked).hexdigest()[:_NAME_DIGITS])
