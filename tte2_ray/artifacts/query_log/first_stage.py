"""A first-stage run in TREC format, `query Q0 item rank score tag`, looked up by query.

It lies in a temporary SQLite file: a run has a hundred lines a query, and memory does not grow with
them.
"""

import math
from collections.abc import Iterator

from tte2_ray.artifacts.corpus.jsonl import decoded_line
from tte2_ray.artifacts.corpus.raw import text_lines
from tte2_ray.artifacts.corpus.source import locate_file
from tte2_ray.artifacts.scratch import Scratch
from tte2_ray.errors import RowError, ValidationError

_FIELDS = 6
_RANKS = 2**63
"""SQLite holds whole numbers of 64 bits."""


class FirstStage(Scratch):
    """Candidates of each query with their scores, in the order of their ranks.

    A context manager; the file goes when it ends.

    Args:
        path: of the run, local or s3://, plain or `.gz`.

    Raises:
        ResourceMissingError: there is no such file.
        ValidationError: a line is none of a run, or an item comes twice for a query.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__("run")
        self._db.execute(
            "CREATE TABLE run (query TEXT, rank INTEGER, line INTEGER, item TEXT, score REAL)"
        )
        try:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO run VALUES (?, ?, ?, ?, ?)", _lines(path))
            self._db.execute("COMMIT")
            self._db.execute("CREATE INDEX by_query ON run (query, rank, line)")
            self._require_distinct()
        except BaseException:
            self.close()
            raise

    def of(self, query_id: str) -> tuple[tuple[str, float], ...]:
        """Item ids and scores of a query, best first; none where the run does not know it."""
        asked = "SELECT item, score FROM run WHERE query = ? ORDER BY rank, line"
        return tuple(self._db.execute(asked, (query_id,)))

    def _require_distinct(self) -> None:
        twice = self._db.execute(
            "SELECT query, item, MAX(line) FROM run GROUP BY query, item HAVING COUNT(*) > 1 "
            "ORDER BY MIN(line) LIMIT 1"
        ).fetchone()
        if twice:
            query, item, line = twice
            raise ValidationError(f"{self.path}:{line}: item {item} comes twice for query {query}")


def _lines(path: str) -> Iterator[tuple[str, int, int, str, float]]:
    found = locate_file(path, "run")
    for key, _ in found.keys():  # noqa: SIM118 a function of a source
        with text_lines(found.store, key) as lines:
            for number, line in enumerate(lines, start=1):
                if line is None or line.strip():
                    yield _parsed(line, f"{found.store.uri(key)}:{number}", number)


def _parsed(line: bytes | None, where: str, number: int) -> tuple[str, int, int, str, float]:
    try:
        fields = decoded_line(line).split()
    except RowError as error:
        raise ValidationError(f"{where}: {error.message}") from error
    if len(fields) != _FIELDS:
        raise ValidationError(
            f"{where}: {len(fields)} fields; a line of a run is `query Q0 item rank score tag`"
        )
    query, _, item, rank, score, _ = fields
    try:
        placed, scored = int(rank), float(score)
    except ValueError as error:
        raise ValidationError(f"{where}: rank {rank!r} or score {score!r} is no number") from error
    if not -_RANKS <= placed < _RANKS:
        raise ValidationError(f"{where}: the rank {rank} has more than 64 bits")
    if not math.isfinite(scored):
        raise ValidationError(f"{where}: the score {score} is not finite")
    return query, placed, number, item, scored
