"""Which ids were seen, in bounded memory: digests in a temporary SQLite file."""

import hashlib
import sqlite3
import tempfile
from types import TracebackType

_CACHE_KIB = 8 * 1024


class SeenIds:
    """A set of texts that spills to disk: about 40 bytes of file an id, 8 MiB of memory in all.

    A context manager; the file goes when it ends.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tte2-ids-")
        self._rows = sqlite3.connect(f"{self._folder.name}/ids.sqlite", isolation_level=None)
        # The file is scratch: nothing needs to survive a crash.
        for setting in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
            self._rows.execute(f"PRAGMA {setting}")
        self._rows.execute("CREATE TABLE ids (digest BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, text: str) -> bool:
        """Remember a text; whether it was new."""
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        inserted = self._rows.execute("INSERT OR IGNORE INTO ids VALUES (?)", (digest,))
        return inserted.rowcount == 1

    def __contains__(self, text: str) -> bool:
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        found = self._rows.execute("SELECT 1 FROM ids WHERE digest = ?", (digest,))
        return found.fetchone() is not None

    def __enter__(self) -> "SeenIds":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._rows.close()
        self._folder.cleanup()
