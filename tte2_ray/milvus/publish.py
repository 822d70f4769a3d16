"""Which version of an index readers see: the alias `<index>` names one collection.

load ─▶ verify ─▶ manifest ─▶ promote (remembers whom it replaces) ─▶ alias ─▶ readers
                              rollback ◀─ what the live one replaced
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tte2_ray.errors import ConfigError, ResourceMissingError, ValidationError
from tte2_ray.milvus.abilities import has_proxies
from tte2_ray.milvus.catalog import VersionCatalog, VersionRecord
from tte2_ray.milvus.client import request_errors, typed_errors
from tte2_ray.milvus.collection import collection_name, describe
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.searcher import Searcher

if TYPE_CHECKING:
    from pymilvus import MilvusClient

_SETTLE_S = 1.0
"""Longer than a read is on its way; readers may see the earlier version for as long."""


@dataclass(frozen=True, kw_only=True)
class VersionStatus:
    """One line of the list of versions."""

    version: str
    live: bool
    loaded: bool
    """Whether its collection still exists."""
    verified: bool
    rows: int
    created_at: str


class Publisher:
    """Moves the alias of one index. It never points it at what was not verified.

    Args:
        client: a connection (see `client.connect`).
        config: of the same server.
        index: name of the index, which is the alias.
        catalog: what is known about its versions.
        fence: raises where this process must not move the alias any more; a person always may.
    """

    def __init__(
        self,
        client: "MilvusClient",
        config: MilvusConfig,
        index: str,
        catalog: VersionCatalog,
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._config = config
        self._index = index
        self._catalog = catalog
        self._fence = fence

    def live_version(self) -> str:
        """The version that readers see; "" if there is none."""
        return live_version(self._client, self._config, self._index)

    def statuses(self) -> tuple[VersionStatus, ...]:
        """Every version of the catalog, oldest first."""
        live = self.live_version()
        with typed_errors("list collections"):
            loaded = set(self._client.list_collections(timeout=self._config.timeout_s))
        return tuple(
            VersionStatus(
                version=record.version,
                live=record.version == live,
                loaded=collection_name(self._index, record.version) in loaded,
                verified=record.verified,
                rows=record.rows,
                created_at=record.created_at,
            )
            for record in self._catalog.versions()
        )

    def check(self, version: str) -> None:
        """Raise what speaks against serving a version.

        Raises:
            ResourceMissingError: no such version, or its collection was dropped.
            ValidationError: it was not verified, has changed since, or holds no row.
        """
        self.check_unchanged(version)
        if not self.record(version).rows:
            raise ValidationError(
                f"Version {version} of {self._index} holds no row; the alias stays. See its dead "
                "letters, mend the rows and run the indexing job with --redrive."
            )

    def check_unchanged(self, version: str) -> None:
        """Raise where a version is not what was verified; it may hold no row.

        Raises:
            ResourceMissingError: no such version, or its collection was dropped.
            ValidationError: it was not verified, or has changed since.
        """
        record = self.record(version)
        if not record.verified:
            raise ValidationError(
                f"Version {version} of {self._index} did not pass its checks; the alias stays. "
                "Mend it and run the indexing job again."
            )
        self._require_unchanged(record)

    def promote(self, version: str) -> str:
        """Let readers see a verified version; see `check` for what may speak against it.

        Returns:
            The version that it replaces; "" for the first.
        """
        self.check(version)
        before = self.live_version()
        if before not in ("", version):  # first: a crash after it leaves an alias that did not move
            self._catalog.promoted(version, replaced=before)
        self._fence()
        self.point_at(version)  # also where it is live: a crash may have come before it had settled
        return before

    def previous_version(self) -> str:
        """The version that the live one replaced.

        Raises:
            ResourceMissingError: nothing is live, or it was the first.
        """
        live = self.live_version()
        if not live:
            raise ResourceMissingError(f"No version of {self._index} is live.")
        previous = self.record(live).replaced
        if not previous:
            raise ResourceMissingError(
                f"Version {live} of {self._index} was the first: there is none to go back to."
            )
        return previous

    def rollback(self) -> str:
        """Let readers see the version that the live one replaced; what that one replaced stays.

        Returns:
            The version that is live now.

        Raises:
            ResourceMissingError: there is nothing to go back to, or it was dropped.
            ValidationError: the earlier version has changed since it was verified.
        """
        previous = self.previous_version()
        self.check(previous)
        self.point_at(previous)
        return previous

    def superfluous(self, *, keep: int) -> tuple[str, ...]:
        """The loaded versions but for the live one and some others.

        Args:
            keep: how many versions besides the live one stay: first the one that it replaced,
                then the newest.

        Raises:
            ConfigError: `keep` is negative.
        """
        if keep < 0:
            raise ConfigError(f"keep is {keep}; it is a number of versions.")
        statuses = self.statuses()
        live = next((status.version for status in statuses if status.live), "")
        previous = self.record(live).replaced if live else ""
        others = [s.version for s in reversed(statuses) if s.loaded and not s.live]
        others.sort(key=lambda version: version != previous)
        return tuple(others[keep:])

    def drop_old(self, *, keep: int) -> tuple[str, ...]:
        """Drop the collections of the superfluous versions, and name them."""
        dropped = []
        for version in self.superfluous(keep=keep):
            if version == self.live_version():  # Milvus itself would drop it all the same
                continue
            dropped.append(version)
            with typed_errors(f"drop version {version} of {self._index}"):
                self._client.drop_collection(
                    collection_name(self._index, version), timeout=self._config.timeout_s
                )
        return tuple(dropped)

    def record(self, version: str) -> VersionRecord:
        """What the catalog says about a version; `ResourceMissingError` if nothing."""
        records = {record.version: record for record in self._catalog.versions()}
        if version not in records:
            known = _listed(records)
            raise ResourceMissingError(f"{self._index} has no version {version!r}, only {known}.")
        return records[version]

    def _require_unchanged(self, record: VersionRecord) -> None:
        name = collection_name(self._index, record.version)
        info = describe(self._client, self._config, name)
        if info.fingerprint != record.fingerprint:
            raise ValidationError(
                f"The collection {name} carries the fingerprint {info.fingerprint!r}, its "
                f"manifest {record.fingerprint!r}: it is not the one that was verified."
            )
        # A server that restarted may have the collection on disk only.
        with typed_errors(f"load {name}"):
            self._client.load_collection(name, timeout=self._config.timeout_s)
        counted = Searcher(self._config, client=self._client).count(name)
        if counted != record.rows:
            raise ValidationError(
                f"The collection {name} holds {counted} rows, {record.rows} were verified."
            )

    def point_at(self, version: str) -> None:
        """Moves the alias, unasked: see `promote`.

        Where a server has proxies, it is moved to the same place again after `_SETTLE_S`: a read
        that was on its way at the first move may leave the way to the earlier version in the memory
        of a proxy, which then takes it for good (seen on 2.3.5, and told of versions up to 2.6 in
        https://github.com/milvus-io/milvus/pull/51779). Each move makes proxies forget.
        """
        collection = collection_name(self._index, version)
        with typed_errors(f"point {self._index} at {collection}"):
            self._move(collection)
            if has_proxies(self._client.get_server_version(timeout=self._config.timeout_s)):
                time.sleep(_SETTLE_S)
                if self.live_version() == version:  # nobody has moved it elsewhere since
                    self._move(collection)

    def _move(self, collection: str) -> None:
        try:
            self._client.alter_alias(collection, self._index, timeout=self._config.timeout_s)
        except request_errors():
            if self.live_version():
                raise
            self._client.create_alias(collection, self._index, timeout=self._config.timeout_s)


def live_version(client: "MilvusClient", config: MilvusConfig, index: str) -> str:
    """The version that the alias of an index names; "" if there is no such alias.

    Raises:
        ConfigError: the alias names a collection that is no version of this index.
    """
    try:
        name = str(client.describe_alias(index, timeout=config.timeout_s)["collection_name"])
    except request_errors() as error:
        if _is_unknown_alias(error):
            return ""
        with typed_errors(f"read the alias {index}"):
            raise
    prefix = f"{index}__"
    if not name.startswith(prefix):
        raise ConfigError(f"The alias {index} names {name}, which is no version of this index.")
    return name.removeprefix(prefix)


def _is_unknown_alias(error: Exception) -> bool:
    """Milvus Lite says 100 (collection not found), the server 1600 (alias not found)."""
    return getattr(error, "code", None) in {100, 1600}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
