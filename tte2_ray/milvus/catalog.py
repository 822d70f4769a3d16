"""The versions of an index, as the artifact store tells them.

indexes/<index>/<version>/manifest.json   what was loaded and verified; written once
indexes/<index>/<version>/replaced.json   whom it took the alias from when it was last promoted
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tte2_ray.artifacts.manifest import IndexManifest, index_folder, list_manifests
from tte2_ray.artifacts.store import Store, key_part


@dataclass(frozen=True, kw_only=True)
class VersionRecord:
    """What the artifact store says about one loaded version."""

    version: str
    rows: int
    """Distinct items that were loaded and counted."""
    fingerprint: str
    verified: bool
    """Whether its counts and its sampled recall held when it was loaded."""
    replaced: str
    """The version that was live before it was last promoted; "" if there was none."""
    created_at: str
    """ISO 8601, UTC."""
    lease: int = 0
    """Grows from version to version, which clocks that were set back do not."""


class VersionCatalog(Protocol):
    """The versions of one index, as far as publishing needs them."""

    def versions(self) -> Sequence[VersionRecord]:
        """All versions, oldest first."""

    def promoted(self, version: str, *, replaced: str) -> None:
        """Remember the version that another one takes the alias from."""


class ManifestCatalog:
    """A `VersionCatalog` in the artifact store.

    Args:
        store: the artifact store.
        index: name of the index.
    """

    def __init__(self, store: Store, index: str) -> None:
        self._store = store
        self._index = index

    def versions(self) -> list[VersionRecord]:
        """All versions, oldest first."""
        records = [self._record(manifest) for manifest in list_manifests(self._store, self._index)]
        return sorted(records, key=lambda record: (record.lease, record.created_at, record.version))

    def promoted(self, version: str, *, replaced: str) -> None:
        """See `VersionCatalog.promoted`."""
        self._store.put(self._replaced_key(version), json.dumps({"replaced": replaced}).encode())

    def _record(self, manifest: IndexManifest) -> VersionRecord:
        """The collection must have been made with the manifest's embedding fingerprint."""
        key = self._replaced_key(manifest.version)
        promoted = json.loads(self._store.get(key)) if self._store.exists(key) else {}
        return VersionRecord(
            version=manifest.version,
            rows=manifest.indexed + manifest.unchanged,
            fingerprint=manifest.embedding_fingerprint,
            verified=manifest.status == "verified",
            replaced=str(promoted.get("replaced", "")),
            created_at=manifest.created_at,
            lease=manifest.lease,
        )

    def _replaced_key(self, version: str) -> str:
        return f"{index_folder(self._index)}/{key_part(version)}/replaced.json"
