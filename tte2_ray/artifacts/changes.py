"""From a plan and a listing to the plan of what changed: everything else keeps its shard.

    listing ─▶ new        ─▶ shards of their own, behind the others
            ├▶ changed    ─▶ in the place of the row before
            ├▶ as before  ─▶ nothing
            └▶ deleted    ─▶ out of its shard           (a tombstone, or not in a full listing)

A shard with a row that changed or went is written anew and takes over the rows that hold
(`Shard.earlier`), so that models work on new and changed rows alone; one without keeps its name,
its ECRs and its vectors. The plan is one like any other: its version is loaded, verified and made
live apart from the one before (docs/decisions/0015).
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

from tte2_ray.artifacts.ahead import READ_AHEAD, ahead
from tte2_ray.artifacts.corpus import CorpusRow, RejectedRow, Tombstone
from tte2_ray.artifacts.corpus.seen import SeenIds
from tte2_ray.artifacts.dead_letters import DeadLetter, from_rejected, read_dead_letters
from tte2_ray.artifacts.freeze import (
    LetterFiles,
    frozen,
    plan_digest,
    with_media_versions,
    write_shard,
)
from tte2_ray.artifacts.known_rows import KnownRows
from tte2_ray.artifacts.media_versions import MediaVersions
from tte2_ray.artifacts.shards import Plan, Shard, read_rows
from tte2_ray.artifacts.store import Store
from tte2_ray.schema import Item

Listing = Literal["full", "changes"]
_ITEMS_A_LOOK = 512
"""Whose media are asked for at once."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What a listing changes, in rows."""

    new: int
    changed: int
    """Other words, URIs, metadata, or files of another size or time."""
    deleted: int
    unchanged: int
    unknown: int
    """Tombstones of items that are not there."""
    touched_shards: int
    """That are written anew for a row that changed or went."""
    unseen: int
    """Listed, with a file of which no version is told: its change would not be seen."""

    def as_dict(self) -> dict[str, int]:
        """For results.json."""
        return asdict(self)


def plan_changes(
    store: Store,
    plans: Store,
    base: Plan,
    listing: Iterable[CorpusRow],
    rows_per_shard: int,
    *,
    kind: Listing,
    versions: MediaVersions | None,
) -> tuple[Plan, Changes]:
    """The plan of a base and what a listing changes in it; the base itself where nothing does.

    Memory holds a shard of rows at a time, and about 100 bytes for each shard.

    Args:
        store: where the base lies.
        plans: where the plan and its shards go.
        base: the plan of the version before.
        listing: the first of each id.
        rows_per_shard: items in each shard of new ones.
        kind: whether what is not listed is deleted ("full") or stays ("changes").
        versions: asks for the versions of media files; None where the base was planned without.
    """
    with KnownRows(media=versions is not None) as known, SeenIds() as mentioned:
        with ThreadPoolExecutor(READ_AHEAD) as threads:
            read = ahead(threads, partial(read_rows, store), base.shards)
            for number, rows in enumerate(read):
                known.learn(number, rows)
        listed = _Listing(plans, base.prefix, rows_per_shard, known, mentioned, versions)
        for row in listing:
            listed.add(row)
        listed.close()
        if kind == "changes":
            listed.keep_letters(read_dead_letters(store, base.dead_letters))
        known.close_listing(full=kind == "full")
        old, touched = _shards_now(store, plans, base, known)
        changes = Changes(**known.counts(), new=listed.new, unknown=listed.unknown,
                          touched_shards=touched, unseen=listed.unseen)  # fmt: skip
    letters = listed.letters.close()
    if not (touched or listed.shards) and letters == base.dead_letters:
        return base, changes
    shards = (*old, *listed.shards)
    made = _plan(base, rows_per_shard, shards, letters, listed.letters.count)
    return frozen(plans, made), changes


def _shards_now(
    store: Store, plans: Store, base: Plan, known: KnownRows
) -> tuple[list[Shard], int]:
    """The shards of the base, in order, without those that are empty now; how many were touched."""
    shards, touched = [], 0
    for number, shard in enumerate(base.shards):
        if not known.is_touched(number):
            shards.append(shard)
            continue
        touched += 1
        rows = known.now(number, read_rows(store, shard))
        if rows:
            shards.append(replace(write_shard(plans, base.prefix, rows)[0], earlier=shard.name))
    return shards, touched


def _plan(
    base: Plan,
    rows_per_shard: int,
    shards: tuple[Shard, ...],
    letters: tuple[str, ...],
    rejected: int,
) -> Plan:
    # Where among the shards a bad row stood says nothing any more: the first one has them all.
    counted = tuple(replace(s, rejected=0 if n else rejected) for n, s in enumerate(shards))
    return replace(
        base,
        corpus_digest=plan_digest(rows_per_shard, counted, letters),
        rows_digest="",  # of the rows alone no shard of the base tells
        rows_per_shard=rows_per_shard,
        rejected=rejected,
        shards=counted,
        dead_letters=letters,
    )


class _Listing:
    """Sorts the rows of a listing into new ones, known ones and letters."""

    def __init__(
        self,
        plans: Store,
        prefix: str,
        rows_per_shard: int,
        known: KnownRows,
        mentioned: SeenIds,
        versions: MediaVersions | None,
    ) -> None:
        self._plans, self._prefix, self._rows_per_shard = plans, prefix, rows_per_shard
        self._known, self._mentioned, self._versions = known, mentioned, versions
        self._items: list[Item] = []
        self._rows: list[dict[str, Any]] = []
        self.letters = LetterFiles(plans, prefix)
        self.shards: list[Shard] = []
        """Of new items."""
        self.new = self.unknown = self.unseen = 0

    def add(self, row: CorpusRow) -> None:
        if isinstance(row, RejectedRow):
            letter = from_rejected(row)
            self.letters.add(letter)
            self._mentioned.add(_subject(letter))
            return
        self._mentioned.add(row.item_id)
        if isinstance(row, Tombstone):
            self.unknown += not self._known.delete(row.item_id)
            return
        self._items.append(row)
        if len(self._items) == _ITEMS_A_LOOK:
            self._look()

    def close(self) -> None:
        """After the last row."""
        self._look()
        if self._rows:
            self._close_shard()

    def keep_letters(self, before: Iterable[DeadLetter]) -> None:
        """Rows that could not be read before, and of which this listing says nothing, still are
        rows that could not be read."""
        for letter in before:
            if _subject(letter) not in self._mentioned:
                self.letters.add(letter)

    def _look(self) -> None:
        items, self._items = self._items, []
        listed = with_media_versions(items, self._versions)
        self.unseen += sum("" in row["media_versions"] for row in listed)
        for row in self._known.look(listed):
            self.new += 1
            self._rows.append(row)
            if len(self._rows) == self._rows_per_shard:
                self._close_shard()

    def _close_shard(self) -> None:
        self.shards.append(write_shard(self._plans, self._prefix, self._rows)[0])
        self._rows = []


def _subject(letter: DeadLetter) -> str:
    """What a letter is about: an id, or what stood where one should be."""
    return letter.item_id or letter.row
