"""Stores around a store: each hands on what it does not do differently."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tte2_ray.artifacts.lease import Lease, LeaseLostError
from tte2_ray.artifacts.store import ObjectStat, Store


class _Around:
    """Implements `Store` by another."""

    def __init__(self, store: Store) -> None:
        self._store = store

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
        """See `Store`."""
        self._store.put(key, data)

    def put_file(self, key: str, file: Path) -> None:
        """See `Store`."""
        self._store.put_file(key, file)

    def put_once(self, key: str, data: bytes) -> bool:
        """See `Store`."""
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

    def leftovers(self) -> Iterator[tuple[str, int]]:
        """See `Store`."""
        return self._store.leftovers()

    def delete(self, key: str) -> None:
        """See `Store`."""
        self._store.delete(key)

    def uri(self, key: str) -> str:
        """See `Store`."""
        return self._store.uri(key)


class FencedStore(_Around):
    """A store that is only written while a lease is held: else `LeaseLostError`.

    Workers need no fence: what they write is named by its content and put once.

    Args:
        store: what is read and written.
        lease: that must hold.
    """

    def __init__(self, store: Store, lease: Lease) -> None:
        super().__init__(store)
        self._lease = lease

    def put(self, key: str, data: bytes) -> None:
        """See `Store`."""
        self._lease.require()
        super().put(key, data)

    def put_file(self, key: str, file: Path) -> None:
        """See `Store`."""
        self._lease.require()
        super().put_file(key, file)

    def put_once(self, key: str, data: bytes) -> bool:
        """See `Store`."""
        self._lease.require()
        return super().put_once(key, data)

    def delete(self, key: str) -> None:
        """See `Store`. What this process, paused or cut off, has deleted of one that took over
        meanwhile is put back."""
        self._lease.require()
        if not self.exists(key):
            return
        data = self.get(key)
        super().delete(key)
        try:
            self._lease.require()
        except LeaseLostError:
            super().put_once(key, data)
            raise


class Overlay(_Around):
    """A store that is written, over one that is only read where the first has nothing.

    It lists what was written alone.

    Args:
        store: that is written.
        below: that is read.
    """

    def __init__(self, store: Store, below: Store) -> None:
        super().__init__(store)
        self._below = below

    def get(self, key: str) -> bytes:
        """See `Store`."""
        return self._of(key).get(key)

    def open(self, key: str) -> BinaryIO:
        """See `Store`."""
        return self._of(key).open(key)

    def stat(self, key: str) -> ObjectStat | None:
        """See `Store`."""
        return self._of(key).stat(key)

    def exists(self, key: str) -> bool:
        """See `Store`."""
        return self._of(key).exists(key)

    def _of(self, key: str) -> Store:
        return self._store if self._store.exists(key) else self._below
