"""The manifest of an index version: what was loaded, and from what.

It lies at `indexes/<name>/<version>/manifest.json` and is written last, once. Which version is
live is told by the alias in Milvus alone, whom it replaced by the catalog of versions.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from tte2_ray.artifacts.store import Store, key_part
from tte2_ray.errors import ValidationError

MANIFEST_VERSION = 1

Status = Literal["verified", "failed"]


@dataclass(frozen=True, kw_only=True)
class IndexManifest:
    """One version of an index."""

    index: str
    """Name of the index; the alias in Milvus."""
    version: str
    collection: str
    """The collection in Milvus that holds it."""
    ecr_fingerprint: str
    """Of how the ECRs were written, also where the embedder does not read them."""
    embedding_fingerprint: str
    corpus: str
    """Folder of the frozen plan in the store, e.g. `corpora/films`: an item is found there by its
    shard. "" in manifests of before."""
    corpus_digest: str
    """Of the plan that was loaded."""
    rows_in: int
    """Rows of the corpus."""
    indexed: int
    """Rows that the run which finished this version loaded."""
    unchanged: int
    """Rows that earlier runs, which were cut off, had loaded into it."""
    rejected: int
    """Rows in the dead-letter table."""
    status: Status
    """Whether its checks held; only a verified version may be made live."""
    created_at: str
    """UTC, ISO 8601."""
    lease: int = 0
    """Number of the lease under which it was verified: a later version has a higher one, whatever
    the clocks say. 0 in manifests of before."""
    checks: Mapping[str, Any] = field(default_factory=dict)
    """What was verified: counts, sampled recall."""
    tokens: Mapping[str, int] = field(default_factory=dict)
    """Tokens of the ECRs, by kind."""

    def __post_init__(self) -> None:
        accounted = self.indexed + self.unchanged + self.rejected
        if self.rows_in != accounted:
            raise ValidationError(
                f"index {self.index} {self.version}: {self.rows_in} rows in, but {accounted} "
                f"accounted for ({self.indexed} indexed, {self.unchanged} unchanged, "
                f"{self.rejected} rejected)"
            )
        if self.status not in get_args(Status):
            raise ValidationError(f"index {self.index} {self.version}: status {self.status!r}")

    @property
    def age(self) -> tuple[int, str]:
        """Larger for a version that was verified later."""
        return self.lease, self.created_at

    def to_json(self) -> bytes:
        """The manifest as it is stored."""
        stored = {"manifest_version": MANIFEST_VERSION, **asdict(self)}
        return json.dumps(stored, indent=2, sort_keys=True, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes, where: str = "manifest") -> "IndexManifest":
        """The inverse of `to_json`.

        Args:
            data: what was stored.
            where: its URI, for messages.

        Raises:
            ValidationError: not JSON, another version, or fields missing or left over.
        """
        try:
            stored = json.loads(data)
        except ValueError as error:
            raise ValidationError(f"{where}: not a manifest: {error}") from error
        if not isinstance(stored, dict) or stored.pop("manifest_version", 0) != MANIFEST_VERSION:
            raise ValidationError(f"{where}: not a manifest of version {MANIFEST_VERSION}")
        stored.pop("replaced", None)  # manifests of before have it
        stored.setdefault("corpus", "")
        stored.setdefault("lease", 0)
        differing = sorted(set(stored) ^ {each.name for each in fields(cls)})
        if differing:
            raise ValidationError(f"{where}: fields missing or left over: {differing}")
        return cls(**stored)


def index_folder(index: str) -> str:
    """The folder of all versions of an index, for any name."""
    return f"indexes/{key_part(index)}"


def manifest_key(index: str, version: str) -> str:
    """The key of a manifest, for any name."""
    return f"{index_folder(index)}/{key_part(version)}/manifest.json"


def write_manifest(store: Store, manifest: IndexManifest) -> bool:
    """Publish a manifest, after everything that it vouches for; whether this call wrote it."""
    return store.put_once(manifest_key(manifest.index, manifest.version), manifest.to_json())


def read_manifest(store: Store, index: str, version: str) -> IndexManifest:
    """The manifest of one version.

    Raises:
        ResourceMissingError: there is no such version.
    """
    key = manifest_key(index, version)
    return IndexManifest.from_json(store.get(key), store.uri(key))


def list_manifests(store: Store, index: str) -> Iterator[IndexManifest]:
    """The manifests of an index, in the order of their versions' names."""
    for key, _ in store.list(index_folder(index)):
        if key.endswith("/manifest.json"):
            yield IndexManifest.from_json(store.get(key), store.uri(key))
