"""From a stream of rows to a frozen plan.

    rows ─▶ rows_per_shard items ─▶ hash with the versions of their media ─▶ shards/<hash>.parquet
         └▶ rejected rows ─▶ dead letters                          all of it ─▶ plan.json, last

The rows are read again on a rerun: that is what finds out whether the corpus is still the same.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from tte2_ray.artifacts.corpus import CorpusRow, RejectedRow
from tte2_ray.artifacts.dead_letters import DeadLetter, from_rejected, write_dead_letters
from tte2_ray.artifacts.media_versions import MediaVersions
from tte2_ray.artifacts.shards import Plan, Shard, read_plan, shard_key, write_plan
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import write_table
from tte2_ray.errors import ConfigError
from tte2_ray.schema import Item, item_schema

LONGEST = 2
"""Of a shard that ends by its items, in shards as they are in the mean."""
_LETTERS_PER_FILE = 256
_NAME_DIGITS = 32


def freeze_plan(
    store: Store,
    prefix: str,
    rows: Iterable[CorpusRow],
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
    plan = cutter.plan()
    if not write_plan(store, plan):
        return read_plan(store, plan.prefix, plan.corpus_digest)
    return plan


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
        self._dead_letter_prefix = f"{self._prefix}/dead-letter"
        self._items: list[Item] = []
        self._letters: list[DeadLetter] = []
        self._rejected_here = 0
        self._rejected = 0
        self._shards: list[Shard] = []
        self._names_of_rows: list[str] = []
        self._letter_files: list[str] = []

    def add(self, row: CorpusRow) -> None:
        if isinstance(row, RejectedRow):
            self._rejected += 1
            self._rejected_here += 1
            self._letters.append(from_rejected(row))
            if len(self._letters) == _LETTERS_PER_FILE:
                self._close_letters()
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
        if self._letters:
            self._close_letters()
        return Plan(
            prefix=self._prefix,
            corpus_digest=self._digest([shard.name for shard in self._shards]),
            rows_digest=self._digest(self._names_of_rows),
            rows_per_shard=self._rows_per_shard,
            rejected=self._rejected,
            shards=tuple(self._shards),
            dead_letters=tuple(self._letter_files),
        )

    def _close_shard(self) -> None:
        import pyarrow as pa

        rows = [item.to_row() for item in self._items]
        name, name_of_rows = _names_of(rows, self._media_versions())
        key = shard_key(self._prefix, name)
        if not self._store.exists(key):
            write_table(self._store, key, pa.Table.from_pylist(rows, item_schema()))
        shard = Shard(name=name, key=key, rows=len(rows), rejected=self._rejected_here)
        self._shards.append(shard)
        self._names_of_rows.append(name_of_rows)
        self._items, self._rejected_here = [], 0

    def _close_letters(self) -> None:
        key = write_dead_letters(self._store, self._dead_letter_prefix, self._letters)
        self._letter_files.append(key)
        self._letters = []

    def _media_versions(self) -> list[list[str]]:
        if self._versions is None:
            return [[] for _ in self._items]
        uris = [_media_uris(item) for item in self._items]
        found = self._versions.of(uri for of_item in uris for uri in of_item)
        return [[found[uri] for uri in of_item] for of_item in uris]

    def _digest(self, names: list[str]) -> str:
        of_shards = zip(names, self._shards, strict=True)
        counts = [[name, shard.rows, shard.rejected] for name, shard in of_shards]
        letters = [key.rpartition("/")[2] for key in self._letter_files]
        everything = [self._rows_per_shard, self._rejected, counts, letters]
        return hashlib.sha256(json.dumps(everything).encode()).hexdigest()[:_NAME_DIGITS]


def _media_uris(item: Item) -> list[str]:
    return [uri for uri in (*item.image_uris, item.video_uri, item.document_uri) if uri]


def _names_of(rows: Sequence[dict[str, object]], versions: Sequence[list[str]]) -> tuple[str, str]:
    """The hash of rows with the versions of their media, and of the rows alone."""
    # JSON marks where each value ends, and a line where each row does: no framing is needed.
    whole, alone = hashlib.sha256(), hashlib.sha256()
    for row, of_media in zip(rows, versions, strict=True):
        text = json.dumps(row, sort_keys=True)
        whole.update(f"[{text}, {json.dumps(of_media)}]\n".encode())
        alone.update(f"{text}\n".encode())
    return whole.hexdigest()[:_NAME_DIGITS], alone.hexdigest()[:_NAME_DIGITS]
