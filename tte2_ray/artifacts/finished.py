"""Which plans of an index were brought to their end, in order.

indexes/<index>/finished/<number of the lease>.json    corpus, digest of the plan, version

What changes are compared with is the last of them. It stays where the manifest of a version goes
with a collection that Milvus lost: else changes that were made before would be forgotten.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from tte2_ray.artifacts.manifest import index_folder
from tte2_ray.artifacts.store import Store


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A plan whose rows were loaded and verified."""

    corpus: str
    """Folder of the plan."""
    corpus_digest: str
    version: str


def last_finished(store: Store, index: str, corpus: str) -> Finished | None:
    """What a job finished last for an index; None where nothing of this corpus.

    Args:
        store: where it is told.
        index: its name.
        corpus: folder of its plans.
    """
    for key in sorted((key for key, _ in store.list(_folder(index))), reverse=True):
        told = Finished(**json.loads(store.get(key)))
        if told.corpus == corpus:
            return told
    return None


def tell_finished(store: Store, index: str, lease: int, told: Finished) -> None:
    """Remembers what was finished, unless it is what was finished last.

    Args:
        store: where to.
        index: its name.
        lease: number under which it was.
        told: the plan.
    """
    if last_finished(store, index, told.corpus) != told:
        store.put_once(f"{_folder(index)}/{lease:010d}.json", json.dumps(asdict(told)).encode())


def told_again(store: Store, index: str) -> Iterator[tuple[str, int]]:
    """What the next record says, too, as `Store.list` has it: one that was paused before it told
    has told it behind its successor, under the lower number."""
    after: dict[str, Finished] = {}
    for key, size in sorted(store.list(_folder(index)), reverse=True):
        told = Finished(**json.loads(store.get(key)))
        if after.get(told.corpus) == told:
            yield key, size
        after[told.corpus] = told


def _folder(index: str) -> str:
    return f"{index_folder(index)}/finished"
