"""Rows that others wrote: a cell is asked for as what it must hold, and named where it is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tte2_ray.errors import ValidationError


@dataclass(frozen=True, kw_only=True)
class Cells:
    """One row.

    Every method that reads a cell raises `ValidationError` where it holds something else.
    """

    where: str
    """File and row or line, counted from 1."""
    cells: Mapping[str, Any]
    """By column."""

    def wrong(self, what: str) -> ValidationError:
        """The error that says what is wrong with this row; to be raised.

        >>> print(Cells(where="a.jsonl, row 2", cells={}).wrong("no answer"))
        a.jsonl, row 2: no answer; mend the row, or fetch the file again
        """
        return ValidationError(f"{self.where}: {what}; mend the row, or fetch the file again")

    def raw(self, column: str) -> Any:
        """Whatever there is; None where there is nothing."""
        return self.cells.get(column)

    def text(self, column: str) -> str:
        """Text, also empty; a whole number counts as its digits, as in names of videos."""
        return self._text(self.raw(column), column)

    def texts(self, column: str) -> list[str]:
        """A list of texts, also empty."""
        return [self._text(each, f"{column}[{n}]") for n, each in enumerate(self._list(column))]

    def whole(self, column: str) -> int:
        """A whole number, also as text ("3") or as a fraction without a rest (3.0)."""
        value = self.raw(column)
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError):
            raise self._unlike(value, column, "a whole number") from None
        if isinstance(value, float) and number != value:
            raise self._unlike(value, column, "a whole number")
        return number

    def rows(self, column: str) -> "list[Cells]":
        """A list of objects, also empty."""
        found = []
        for n, each in enumerate(self._list(column)):
            if not isinstance(each, dict):
                raise self._unlike(each, f"{column}[{n}]", "an object")
            found.append(Cells(where=f"{self.where}, {column}[{n}]", cells=each))
        return found

    def _list(self, column: str) -> list[Any]:
        value = self.raw(column)
        if not isinstance(value, list):
            raise self._unlike(value, column, "a list")
        return value

    def _text(self, value: Any, column: str) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise self._unlike(value, column, "text")
        return value

    def _unlike(self, value: Any, column: str, wanted: str) -> ValidationError:
        held = "nothing" if value is None else ascii(value)[:80]
        return self.wrong(f"{column} holds {held}, and must be {wanted}")
