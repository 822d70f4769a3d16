"""Which ids were seen, in bounded memory: digests in a temporary SQLite file."""

import hashlib

from tte2_ray.artifacts.scratch import Scratch


class SeenIds(Scratch):
    """A set of texts that spills to disk: about 40 bytes of file an id, 8 MiB of memory in all.

    A context manager; the file goes when it ends.
    """

    def __init__(self) -> None:
        super().__init__("ids")
        self._db.execute("CREATE TABLE ids (digest BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, text: str) -> bool:
        """Remember a text; whether it was new."""
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        inserted = self._db.execute("INSERT OR IGNORE INTO ids VALUES (?)", (digest,))
        return inserted.rowcount == 1

    def __contains__(self, text: str) -> bool:
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        found = self._db.execute("SELECT 1 FROM ids WHERE digest = ?", (digest,))
        return found.fetchone() is not None
