"""A store that is only written while a lease is held."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tte2_ray.artifacts.lease import Lease
from tte2_ray.artifacts.store import ObjectStat, Store


class FencedStore:
    """Implements `Store`: every write first asks whether the lease still holds.

    Workers need no fence: what they write is named by its content and put once.

    Args:
        store: what is read and written.
        lease: that must hold.
    """

    def __init__(self, store: Store, lease: Lease) -> None:
        self._store, self._lease = store, lease

    @property
    def root(self) -> str:
        """See `Store`."""
        return self._store.root

    def check(self, *, write: bool = True) -> None:
        """See `Store`."""
        self._store.check(write=write)

    def get(self, key: str) -> bytes:
        """See `Store`."""
        return self._store.get(key)

    def open(self, key: str) -> BinaryIO:
        """See `Store`."""
        return self._store.open(key)

    def put(self, key: str, data: bytes) -> None:
        """See `Store`; raises `LeaseLostError`."""
        self._lease.require()
        self._store.put(key, data)

    def put_file(self, key: str, file: Path) -> None:
        """See `Store`; raises `LeaseLostError`."""
        self._lease.require()
        self._store.put_file(key, file)

    def put_once(self, key: str, data: bytes) -> bool:
        """See `Store`; raises `LeaseLostError`."""
        self._lease.require()
        return self._store.put_once(key, data)

    def stat(self, key: str) -> ObjectStat | None:
        """See `Store`."""
        return self._store.stat(key)

    def exists(self, key: str) -> bool:
        """See `Store`."""
        return self._store.exists(key)

    def list(self, prefix: str = "", *, shallow: bool = False) -> Iterator[tuple[str, int]]:
        """See `Store`."""
        return self._store.list(prefix, shallow=shallow)

    def delete(self, key: str) -> None:
        """See `Store`; raises `LeaseLostError`."""
        self._lease.require()
        self._store.delete(key)

    def uri(self, key: str) -> str:
        """See `Store`."""
        return self._store.uri(key)
