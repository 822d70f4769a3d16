"""From a stream of rows to a frozen plan.

    rows ─▶ rows_per_shard items ─▶ hash with the versions of their media ─▶ rows/<hash>.parquet
         └▶ rejected rows ─▶ dead letters                          all of it ─▶ plan.json, last

The rows are read again on a rerun: that is what finds out whether the corpus is still the same.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from tte2_ray.artifacts.corpus import RejectedRow
from tte2_ray.artifacts.dead_letters import DeadLetter, from_rejected, write_dead_letters
from tte2_ray.artifacts.media_versions import MediaVersions
from tte2_ray.artifacts.shards import PLAN_VERSION, Plan, Shard, read_plan, shard_key, write_plan
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import write_table
from tte2_ray.errors import ConfigError
from tte2_ray.schema import Item, shard_schema

LONGEST = 2
"""Of a shard that ends by its items, in shards as they are in the mean."""
_LETTERS_PER_FILE = 256
_NAME_DIGITS = 32


def freeze_plan(
    store: Store,
    prefix: str,
    rows: Iterable[Item | RejectedRow],
    rows_per_shard: int,
    *,
    versions: MediaVersions | None = None,
    ends_shard: Callable[[Item], bool] | None = None,
) -> Plan:
    """Cut a corpus into shards, or find that it was cut before.

    Memory holds one shard of rows at a time, and about 100 bytes for each shard so far.

    Args:
        store: where shards and plan go.
        prefix: folder of the plan, e.g. `corpora/<name>`; the rejected rows go to `dead-letter` in
            it.
        rows: of the corpus, from `read_corpus`; in the same order each time.
        rows_per_shard: items in each shard but the last.
        versions: asks for the versions of media files, so that a changed file changes the name of
            its shard; None takes the URIs alone.
        ends_shard: whether a shard ends behind an item, which the item alone decides: a row more or
            less then moves the shards about it, and not all that follow. A shard has at most
            `LONGEST` times `rows_per_shard` items. None counts them.

    Raises:
        ConfigError: `rows_per_shard` is not positive.
    """
    if rows_per_shard < 1:
        raise ConfigError(f"rows_per_shard must be positive, not {rows_per_shard}")
    cutter = _Cutter(store, prefix, rows_per_shard, versions, ends_shard)
    for row in rows:
        cutter.add(row)
    return frozen(store, cutter.plan())


def frozen(store: Store, plan: Plan) -> Plan:
    """Freezes a plan, or finds the one of the same digest."""
    return plan if write_plan(store, plan) else read_plan(store, plan.prefix, plan.corpus_digest)


class _Cutter:
    def __init__(
        self,
        store: Store,
        prefix: str,
        rows_per_shard: int,
        versions: MediaVersions | None,
        ends_shard: Callable[[Item], bool] | None,
    ) -> None:
        self._store = store
        self._prefix = prefix.strip("/")
        self._rows_per_shard = rows_per_shard
        self._versions = versions
        self._ends_shard = ends_shard
        self._most_rows = rows_per_shard * (LONGEST if ends_shard else 1)
        self._items: list[Item] = []
        self._letters = LetterFiles(store, self._prefix)
        self._rejected_here = 0
        self._shards: list[Shard] = []
        self._names_of_rows: list[str] = []

    def add(self, row: Item | RejectedRow) -> None:
        if isinstance(row, RejectedRow):
            self._letters.add(from_rejected(row))
            self._rejected_here += 1
            return
        self._items.append(row)
        ends = self._ends_shard is not None and self._ends_shard(row)
        if ends or len(self._items) == self._most_rows:
            self._close_shard()

    def plan(self) -> Plan:
        if self._items:
            self._close_shard()
        elif self._shards:  # rejected rows after the last full shard count to it
            last = self._shards[-1]
            self._shards[-1] = replace(last, rejected=last.rejected + self._rejected_here)
        letters, shards = self._letters.close(), tuple(self._shards)
        named = [replace(s, name=n) for s, n in zip(shards, self._names_of_rows, strict=True)]
        return Plan(
            prefix=self._prefix,
            corpus_digest=plan_digest(self._rows_per_shard, shards, letters),
            rows_digest=plan_digest(self._rows_per_shard, named, letters),
            rows_per_shard=self._rows_per_shard,
            rejected=self._letters.count,
            shards=shards,
            dead_letters=letters,
        )

    def _close_shard(self) -> None:
        rows = with_media_versions(self._items, self._versions)
        shard, name_of_rows = write_shard(self._store, self._prefix, rows)
        self._shards.append(replace(shard, rejected=self._rejected_here))
        self._names_of_rows.append(name_of_rows)
        self._items, self._rejected_here = [], 0


class LetterFiles:
    """The rejected rows of a plan, on their way into files.

    Args:
        store: where to.
        prefix: folder of the plan.
    """

    def __init__(self, store: Store, prefix: str) -> None:
        self._store, self._folder = store, f"{prefix}/dead-letter"
        self._letters: list[DeadLetter] = []
        self._files: list[str] = []
        self.count = 0
        """Letters so far."""

    def add(self, letter: DeadLetter) -> None:
        """The next letter."""
        self.count += 1
        self._letters.append(letter)
        if len(self._letters) == _LETTERS_PER_FILE:
            self._write()

    def close(self) -> tuple[str, ...]:
        """The keys of all files, after the last letter."""
        if self._letters:
            self._write()
        return tuple(self._files)

    def _write(self) -> None:
        self._files.append(write_dead_letters(self._store, self._folder, self._letters))
        self._letters = []


def plan_digest(rows_per_shard: int, shards: Sequence[Shard], letters: Sequence[str]) -> str:
    """The name of a plan.

    Args:
        rows_per_shard: items in a shard that is full.
        shards: in order.
        letters: keys of the files of its rejected rows.
    """
    counts = [[shard.name, shard.rows, shard.rejected] for shard in shards]
    files = [key.rpartition("/")[2] for key in letters]
    rejected = sum(shard.rejected for shard in shards)
    everything = [PLAN_VERSION, rows_per_shard, rejected, counts, files]
    return hashlib.sha256(json.dumps(everything).encode()).hexdigest()[:_NAME_DIGITS]


def with_media_versions(
    items: Sequence[Item], versions: MediaVersions | None
) -> list[dict[str, Any]]:
    """Items as rows of a shard, with what is known of their files now.

    Args:
        items: of one shard.
        versions: asks; None does not.
    """
    uris = [_media_uris(item) if versions else [] for item in items]
    found = versions.of(uri for of_item in uris for uri in of_item) if versions else {}
    pairs = zip(items, uris, strict=True)
    return [item.to_row() | {"media_versions": [found[u] for u in own]} for item, own in pairs]


def write_shard(store: Store, prefix: str, rows: Sequence[dict[str, Any]]) -> tuple[Shard, str]:
    """Writes the rows of a shard, unless they are there.

    Args:
        store: where to.
        prefix: folder of the plan.
        rows: from `with_media_versions`.

    Returns:
        The shard, and the hash of its rows without the versions of their media.
    """
    import pyarrow as pa

    name, name_of_rows = _names_of(rows)
    key = shard_key(prefix, name)
    if not store.exists(key):
        write_table(store, key, pa.Table.from_pylist(list(rows), shard_schema()))
    return Shard(name=name, key=key, rows=len(rows), rejected=0), name_of_rows


def _media_uris(item: Item) -> list[str]:
    return [uri for uri in (*item.image_uris, item.video_uri, item.document_uri) if uri]


def _names_of(rows: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """The hash of rows with the versions of their media, and of the rows alone."""
    # JSON marks where each value ends, and a line where each row does: no framing is needed.
    whole, alone = hashlib.sha256(), hashlib.sha256()
    for row in rows:
        text = json.dumps({n: v for n, v in row.items() if n != "media_versions"}, sort_keys=True)
        whole.update(f"[{text}, {json.dumps(row['media_versions'])}]\n".encode())
        alone.update(f"{text}\n".encode())
    return whole.hexdigest()[:_NAME_DIGITS], alone.hexdigest()[:_NAME_DIGITS]
