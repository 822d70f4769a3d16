"""What became of rows, and what that cost: of a shard, a phase or an index, for counts add up."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Sums over rows.

    >>> both = Counts(rows=2, done=1, rejected=1, classes={"encrypted": 1}) + Counts(rows=3, done=3)
    >>> both.rows, both.done, both.rejected, dict(both.classes)
    (5, 4, 1, {'encrypted': 1})
    """

    rows: int = 0
    done: int = 0
    """Rows that came through."""
    rejected: int = 0
    """Rows that failed here or before."""
    prompt_tokens: int = 0
    """Text and visual tokens that the model read."""
    visual_tokens: int = 0
    output_tokens: int = 0
    """Tokens that the model wrote."""
    truncated: int = 0
    """ECRs that met their limit."""
    refused: int = 0
    """Of those that came through, queries of which a request was refused that may pass again."""
    taken_over: int = 0
    """Rows that came through in an earlier run, and cost nothing in this one."""
    decode_s: float = 0.0
    """Seconds of fetching and decoding, over all threads."""
    seconds: float = 0.0
    """Wall time of shards; those that are in flight at once count each their own."""
    classes: Mapping[str, int] = field(default_factory=dict)
    """Rejected rows by error class."""

    @classmethod
    def of_table(cls, rows: Iterable[Mapping[str, Any]], *, failed_before: int = 0) -> "Counts":
        """Counts the rows of an ECR or vector table.

        Args:
            rows: of the table, each with its `error_class`, "" for none.
            failed_before: rows of the shard that are not in the table, having failed earlier.
        """
        listed = list(rows)
        classes = Counter(row["error_class"] for row in listed if row["error_class"])
        failed = classes.total()
        return cls(
            rows=len(listed) + failed_before,
            done=len(listed) - failed,
            rejected=failed + failed_before,
            classes=dict(classes),
            **{name: sum(int(row.get(name, 0)) for row in listed) for name in _OF_ROWS},
        )

    def __add__(self, other: "Counts") -> "Counts":
        numbers = {name: getattr(self, name) + getattr(other, name) for name in _NUMBERS}
        classes = Counter(self.classes)
        classes.update(other.classes)
        return Counts(**numbers, classes=dict(classes))

    def charged(self, fresh: Iterable[Mapping[str, Any]]) -> "Counts":
        """The same rows, with what those alone cost that were answered now.

        Args:
            fresh: rows of the table that were not there before.
        """
        spent = Counts.of_table(fresh)
        costs = {name: getattr(spent, name) for name in _OF_ROWS}
        return replace(self, taken_over=max(0, self.done - spent.done), **costs)

    @property
    def rejected_share(self) -> float:
        """Of all rows."""
        return self.rejected / max(1, self.rows)

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.prompt_tokens + self.output_tokens

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a marker or results.json."""
        return {**{name: getattr(self, name) for name in _NUMBERS}, "classes": dict(self.classes)}

    def to_json(self) -> str:
        """The text that travels through Ray."""
        return json.dumps(self.as_dict())

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Counts":
        """The inverse of `as_dict`; other values in a marker are passed over."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})

    @classmethod
    def from_json(cls, text: str) -> "Counts":
        """The inverse of `to_json`."""
        return cls.from_dict(json.loads(text))


_OF_ROWS = ("prompt_tokens", "visual_tokens", "output_tokens", "truncated")
_NUMBERS = tuple(each.name for each in fields(Counts) if each.name != "classes")
