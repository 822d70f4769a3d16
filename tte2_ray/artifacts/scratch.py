"""What does not fit into memory and need not survive: a temporary SQLite file."""

import sqlite3
import tempfile
from types import TracebackType
from typing import Self

_CACHE_KIB = 8 * 1024


class Scratch:
    """A context manager around a database whose file goes when it ends; 8 MiB of memory.

    Args:
        name: of the file, for who looks into the temporary folder.
    """

    def __init__(self, name: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=f"tte2-{name}-")
        self._db = sqlite3.connect(f"{self._folder.name}/{name}.sqlite", isolation_level=None)
        for setting in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
            self._db.execute(f"PRAGMA {setting}")

    def close(self) -> None:
        """Removes the file."""
        self._db.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
