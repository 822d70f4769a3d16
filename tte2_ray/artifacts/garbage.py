"""What lies in the store and serves nothing: left by runs that were cut off and never run again.

    temporary   a write that was cut off, a check of the store
    rows        of a shard, or rejected ones, that no plan names: its planning was cut off
    table       of a shard that no plan names
    version     of an index, without a manifest: its run was cut off
    letters     rejected rows of a version without a manifest
    finished    what was finished, where the next record says the same
    lease       what a holder said besides its number

Nothing that costs a token to make again is garbage as long as a plan names its shard.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass

from tte2_ray.artifacts.finished import told_again
from tte2_ray.artifacts.lease_records import LeaseRecords
from tte2_ray.artifacts.manifest import index_folder
from tte2_ray.artifacts.shards import list_plans, shard_key
from tte2_ray.artifacts.store import Store, key_part

PLANNED = ("corpora", "queries")
"""Folders of what is planned, one below for each corpus and each log."""
TABLES = ("ecr", "vectors")
_PREFLIGHT = ".preflight"
_FINISHED = "finished"


@dataclass(frozen=True, kw_only=True)
class Garbage:
    """An object that may go."""

    kind: str
    key: str
    size: int
    """Bytes."""


def garbage(store: Store, index: str) -> Iterator[Garbage]:
    """What may go of an index, and of what all indexes of a store share.

    Args:
        store: where artifacts lie; nothing is deleted.
        index: nobody works on it.
    """
    for key, size in (*store.leftovers(), *store.list(_PREFLIGHT)):
        yield Garbage(kind="temporary", key=key, size=size)
    named, shards = _planned(store)
    yield from (g for folder in PLANNED for g in _unplanned_rows(store, folder, named))
    for key, size in (found for folder in TABLES for found in store.list(folder)):
        if _shard_of(key) not in shards:
            yield Garbage(kind="table", key=key, size=size)
    yield from _of_versions(store, index)
    for key, size in told_again(store, index):
        yield Garbage(kind="finished", key=key, size=size)
    for key, size in LeaseRecords(store, index).of_before():
        yield Garbage(kind="lease", key=key, size=size)


def unfinished_versions(store: Store, index: str) -> set[str]:
    """Versions of an index, as the store names them, that have no manifest."""
    folders, made = set(), set()
    for key, _ in store.list(index_folder(index)):
        version, _, file = key.removeprefix(f"{index_folder(index)}/").partition("/")
        folders.add(version)
        if file == "manifest.json":
            made.add(version)
    return folders - made - {_FINISHED}


def _planned(store: Store) -> tuple[set[str], set[str]]:
    """Keys of rows and of letters that plans name, and the names of their shards."""
    keys, shards = set(), set()
    for folder in PLANNED:
        prefixes = {"/".join(key.split("/")[:2]) for key, _ in store.list(folder)}
        for prefix in sorted(prefixes):
            for plan in list_plans(store, prefix):
                shards |= {shard.name for shard in plan.shards}
                shards |= {shard.earlier for shard in plan.shards}
                keys |= {shard.key for shard in plan.shards} | set(plan.dead_letters)
                keys |= {shard_key(prefix, shard.earlier) for shard in plan.shards if shard.earlier}
    return keys, shards


def _unplanned_rows(store: Store, folder: str, named: Set[str]) -> Iterator[Garbage]:
    for key, size in store.list(folder):
        _, _, kind, *_ = key.split("/")
        if kind in ("rows", "dead-letter") and key not in named:
            yield Garbage(kind="rows", key=key, size=size)


def _of_versions(store: Store, index: str) -> Iterator[Garbage]:
    for version in sorted(unfinished_versions(store, index)):
        for key, size in store.list(f"{index_folder(index)}/{version}"):
            yield Garbage(kind="version", key=key, size=size)
    # A version is told apart from an index with a hyphen: neither has one.
    for key, size in store.list("dead-letter"):
        name, _, version = key.split("/")[1].rpartition("-")
        manifest = f"{index_folder(index)}/{version}/manifest.json"
        if name == key_part(index) and not store.exists(manifest):
            yield Garbage(kind="letters", key=key, size=size)


def _shard_of(key: str) -> str:
    """The name of the shard of a table or of its marker."""
    file = key.rpartition("/")[2].removeprefix("shard-")
    return file.removesuffix(".parquet").removesuffix(".done.json")
