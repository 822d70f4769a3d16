"""What a plan holds, by item id, and what a listing makes of it.

Digests in a temporary SQLite file: about 100 bytes of it a row (40 more a file on the web), 8 MiB
of memory in all.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tte2_ray.artifacts.media_versions import ON_WEB
from tte2_ray.artifacts.scratch import Scratch

_UNSEEN, _SAME, _CHANGED, _DELETED = range(4)

Row = dict[str, Any]


class KnownRows(Scratch):
    """The rows of a plan's shards; a context manager, whose file goes when it ends.

    Args:
        media: whether the versions of media files count.
    """

    def __init__(self, *, media: bool) -> None:
        self._media = media
        super().__init__("rows")
        self._db.execute(
            "CREATE TABLE known (id BLOB PRIMARY KEY, shard INTEGER, row INTEGER, digest BLOB, "
            f"state INTEGER DEFAULT {_UNSEEN}, said TEXT, versions TEXT) WITHOUT ROWID"
        )
        self._db.execute("CREATE INDEX by_shard ON known (shard, state)")

    def learn(self, shard: int, rows: Sequence[Row]) -> None:
        """The rows of a shard of the plan, by its number."""
        told = (
            (_id(row["item_id"]), shard, number, self._digest(row), _versions_on_web(row))
            for number, row in enumerate(rows)
        )
        insert = "INSERT INTO known (id, shard, row, digest, versions) VALUES (?,?,?,?,?)"
        self._db.executemany(insert, told)

    def look(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Takes note of listed rows; yields those that are new."""
        for row in rows:
            key = _id(row["item_id"])
            asked = "SELECT digest, versions FROM known WHERE id = ?"
            found = self._db.execute(asked, (key,)).fetchone()
            if found is None:
                yield row
            elif found[0] == self._digest(_with_known(row, found[1])):
                self._set(_SAME, key)
            else:
                self._set(_CHANGED, key, json.dumps(row))

    def delete(self, item_id: str) -> bool:
        """Takes note of a tombstone; whether there is such an item."""
        return self._set(_DELETED, _id(item_id))

    def close_listing(self, *, full: bool) -> None:
        """Decides about what was not listed: it is gone, or as it was."""
        state = _DELETED if full else _SAME
        self._db.execute(f"UPDATE known SET state = {state} WHERE state = {_UNSEEN}")

    def counts(self) -> Mapping[str, int]:
        """Rows that are unchanged, changed and deleted."""
        found = dict(self._db.execute("SELECT state, count(*) FROM known GROUP BY state"))
        names = {"unchanged": _SAME, "changed": _CHANGED, "deleted": _DELETED}
        return {name: int(found.get(state, 0)) for name, state in names.items()}

    def is_touched(self, shard: int) -> bool:
        """Whether a row of a shard changed or went."""
        states = f"({_CHANGED}, {_DELETED})"
        asked = f"SELECT 1 FROM known WHERE shard = ? AND state IN {states} LIMIT 1"
        return self._db.execute(asked, (shard,)).fetchone() is not None

    def now(self, shard: int, rows: Sequence[Row]) -> list[Row]:
        """The rows of a shard as they are now: without what was deleted, with what changed."""
        asked = "SELECT row, state, said FROM known WHERE shard = ?"
        states = {row: (state, said) for row, state, said in self._db.execute(asked, (shard,))}
        left = []
        for number, row in enumerate(rows):
            state, said = states[number]
            if state != _DELETED:
                left.append(json.loads(said) if said else row)
        return left

    def _set(self, state: int, key: bytes, said: str | None = None) -> bool:
        changed = "UPDATE known SET state = ?, said = ? WHERE id = ?"
        return self._db.execute(changed, (state, said, key)).rowcount == 1

    def _digest(self, row: Row) -> bytes:
        told = row if self._media else {k: v for k, v in row.items() if k != "media_versions"}
        text = json.dumps(told, sort_keys=True).encode()
        return hashlib.blake2b(text, digest_size=16).digest()


def _versions_on_web(row: Row) -> str | None:
    versions = row["media_versions"]
    return json.dumps(versions) if any(v.startswith(ON_WEB) for v in versions) else None


def _with_known(row: Row, versions: str | None) -> Row:
    """The row with the version known before of each file of which nothing is told now: a server
    that does not answer does not say that its files changed."""
    if versions is None:
        return row
    # Where the counts differ, so do the URIs, and with them the row.
    both = zip(row["media_versions"], json.loads(versions), strict=False)
    return row | {"media_versions": [now or before for now, before in both]}


def _id(item_id: str) -> bytes:
    return hashlib.blake2b(item_id.encode(), digest_size=16).digest()
