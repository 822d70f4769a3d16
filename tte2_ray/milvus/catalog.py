"""The versions of an index, as their manifests in the artifact store tell them."""

from tte2_ray.artifacts.manifest import IndexManifest, list_manifests
from tte2_ray.artifacts.store import Store
from tte2_ray.milvus.publish import VersionRecord


class ManifestCatalog:
    """Reads the manifests of one index; see `publish.VersionCatalog`.

    Args:
        store: the artifact store.
        index: name of the index.
    """

    def __init__(self, store: Store, index: str) -> None:
        self._store = store
        self._index = index

    def versions(self) -> list[VersionRecord]:
        """All versions, oldest first."""
        records = [as_record(manifest) for manifest in list_manifests(self._store, self._index)]
        return sorted(records, key=lambda record: (record.created_at, record.version))


def as_record(manifest: IndexManifest) -> VersionRecord:
    """What publishing needs of a manifest.

    The collection must have been made with the manifest's embedding fingerprint.
    """
    return VersionRecord(
        version=manifest.version,
        rows=manifest.indexed + manifest.unchanged,
        fingerprint=manifest.embedding_fingerprint,
        verified=manifest.status == "verified",
        replaced=manifest.replaced,
        created_at=manifest.created_at,
    )
