"""The files of a run, written row by row beside their places, and put there together.

run.trec             the order of each query of the log
queries.parquet      each query of the log, with what became of it
judgements.parquet   the candidates of each distinct query, in their final order
ledger.parquet       what each distinct query cost, by stage
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from tte2_ray.schema import judgement_schema, ledger_schema, query_schema

if TYPE_CHECKING:
    import pyarrow as pa

RUN: Final = "run.trec"
QUERIES: Final = "queries.parquet"
JUDGEMENTS: Final = "judgements.parquet"
LEDGER: Final = "ledger.parquet"
FILES: Final = (RUN, QUERIES, JUDGEMENTS, LEDGER)
_ROWS_HELD = 8192


class _Table:
    """A Parquet file that is written some rows at a time."""

    def __init__(self, file: Path, schema: "pa.Schema") -> None:
        import pyarrow.parquet as pq

        self._schema, self._rows = schema, list[Mapping[str, Any]]()
        self._writer = pq.ParquetWriter(file, schema, compression="zstd")

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows += rows
        if len(self._rows) >= _ROWS_HELD:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
            self._rows = []


class RunFiles:
    """The files of a run in a folder; a context manager, after which they are there, or as before.

    Args:
        folder: that is there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run = self._draft(RUN).open("w", encoding="utf-8")
        self._tables = {
            name: _Table(self._draft(name), schema())
            for name, schema in (
                (QUERIES, query_schema),
                (JUDGEMENTS, judgement_schema),
                (LEDGER, ledger_schema),
            )
        }

    def order(self, lines: Iterable[str]) -> None:
        """Lines of run.trec."""
        self._run.writelines(f"{line}\n" for line in lines)

    def add(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows of a table.

        Args:
            name: of its file.
            rows: of its schema.
        """
        self._tables[name].add(rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._run.close()
            for table in self._tables.values():
                table.close()
            if error is None:
                for name in FILES:
                    self._draft(name).replace(self._folder / name)
        finally:
            for name in FILES:
                self._draft(name).unlink(missing_ok=True)

    def _draft(self, name: str) -> Path:
        return self._folder / f".{name}.{os.getpid()}"
