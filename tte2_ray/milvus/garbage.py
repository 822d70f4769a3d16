"""Garbage of an index in the store and in Milvus: listed, or deleted while nobody works on it."""

import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tte2_ray.artifacts.garbage import Garbage, garbage
from tte2_ray.artifacts.lease import Lease, LeaseConfig
from tte2_ray.artifacts.manifest import list_manifests
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.working import collecting
from tte2_ray.errors import ValidationError
from tte2_ray.milvus.client import typed_errors
from tte2_ray.milvus.collection import collection_name
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.publish import live_version

if TYPE_CHECKING:
    from pymilvus import MilvusClient

_AT_ONCE = 16
"""Deletions: jobs wait meanwhile."""


class Collector:
    """Finds what serves nothing, and deletes it.

    Args:
        client: of the Milvus of the index.
        milvus: its configuration.
        store: where artifacts lie.
        index: whose garbage, beside what all indexes of the store share.
    """

    def __init__(
        self, client: "MilvusClient", milvus: MilvusConfig, store: Store, index: str
    ) -> None:
        self._client, self._milvus = client, milvus
        self._store, self._index = store, index

    def collections(self) -> list[str]:
        """Collections of the index that no manifest vouches for.

        Raises:
            ValidationError: readers see a version that this store does not know: it is another
                store's index.
        """
        made = {manifest.collection for manifest in list_manifests(self._store, self._index)}
        live = live_version(self._client, self._milvus, self._index)
        if live and collection_name(self._index, live) not in made:
            raise ValidationError(
                f"{self._store.root} knows nothing of version {live}, which readers of "
                f"{self._index} see at {self._milvus.uri}: give the store= and milvus.uri= of the "
                "job that made it"
            )
        with typed_errors("list collections"):
            names = self._client.list_collections(timeout=self._milvus.timeout_s)
        own = (name for name in names if name.startswith(f"{self._index}__"))
        return sorted(name for name in own if name not in made)

    def tell(self) -> None:
        """Prints each piece of garbage, and what it comes to; deletes nothing; raises as
        `collections`."""
        collections = self.collections()
        found: Counter[str] = Counter()
        size = 0
        for each in garbage(self._store, self._index):
            print(f"{each.kind:<11}{each.size:>12,}  {self._store.uri(each.key)}")
            found[each.kind] += 1
            size += each.size
        for name in collections:
            print(f"{'collection':<11}{'':>12}  {name}")
            found["collection"] += 1
        print(f"{self._index}: {_summed(found, size)} would be deleted")

    def delete(self, lease: LeaseConfig) -> None:
        """Deletes all of it, as the one who works on the index.

        Raises:
            LeaseHeldError: another job works on the store: it may be about to name what it has
                written or found there.
            ValidationError: as `collections`.
        """
        found: Counter[str] = Counter()
        size = 0
        with collecting(self._store, self._index, lease, sys.stdout) as leases:
            collections = self.collections()
            listed = list(garbage(self._store, self._index))

            def delete(each: Garbage) -> None:
                _require(leases)
                self._store.delete(each.key)

            with ThreadPoolExecutor(_AT_ONCE) as threads:
                for each, _ in zip(listed, threads.map(delete, listed), strict=True):
                    found[each.kind] += 1
                    size += each.size
            for name in collections:
                _require(leases)
                with typed_errors(f"drop {name}"):
                    self._client.drop_collection(name, timeout=self._milvus.timeout_s)
                found["collection"] += 1
        print(f"{self._index}: {_summed(found, size)} deleted")


def _require(leases: Sequence[Lease]) -> None:
    for lease in leases:
        lease.require()


def _summed(found: Counter[str], size: int) -> str:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(found.items()))
    return f"{kinds}; {size:,} bytes" if kinds else "nothing"
