"""From loaded shards to a version that readers see: account, verify, record, move the alias."""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from tte2_ray.artifacts.keys import EmbeddingRecipe
from tte2_ray.artifacts.manifest import (
    IndexManifest,
    manifest_key,
    read_manifest,
    write_manifest,
)
from tte2_ray.artifacts.markers import read_markers, table_key
from tte2_ray.artifacts.shards import Plan
from tte2_ray.artifacts.store import Store, key_part
from tte2_ray.artifacts.tables import iter_table
from tte2_ray.errors import PartialFailure, ValidationError
from tte2_ray.milvus.catalog import ManifestCatalog
from tte2_ray.milvus.client import connect, typed_errors
from tte2_ray.milvus.collection import CollectionSpec, ensure_collection
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.publish import Publisher
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.verify import VerifyReport, verify
from tte2_ray.milvus.writer import seal
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.schema import vector_schema

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, kw_only=True)
class Target:
    """The version that a job makes, and where what belongs to it lies."""

    index: str
    version: str
    spec: CollectionSpec
    milvus: MilvusConfig
    ecr_fingerprint: str

    @classmethod
    def of(
        cls, config: IndexConfig, version: str, ecr_fingerprint: str, embedding: EmbeddingRecipe
    ) -> "Target":
        """The target of a configured job."""
        spec = CollectionSpec(
            index=config.index,
            version=version,
            fingerprint=embedding.fingerprint,
            dimension=embedding.dimension,
        )
        return cls(
            index=config.index,
            version=version,
            spec=spec,
            milvus=config.milvus,
            ecr_fingerprint=ecr_fingerprint,
        )

    @property
    def folder(self) -> str:
        """Of the version in the store."""
        return f"indexes/{key_part(self.index)}/{self.version}"

    @property
    def load_prefix(self) -> str:
        """Folder of the markers of loaded shards."""
        return f"{self.folder}/load"

    @property
    def promoted_key(self) -> str:
        """Marks that the job has made this version live, after the alias moved."""
        return f"{self.folder}/promoted.json"

    @property
    def dead_letter_prefix(self) -> str:
        """Folder of the rows that this version rejected."""
        return f"dead-letter/{key_part(self.index)}-{self.version}"


@dataclass(kw_only=True)
class Totals:
    """What became of the rows of a plan."""

    rows_in: int
    indexed: int = 0
    rejected: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    truncated: int = 0


@dataclass(frozen=True, kw_only=True)
class Published:
    """A version that was made, or was there already."""

    manifest: IndexManifest
    totals: Totals
    live: bool
    """Whether the alias points to it now."""

    def require_within(self, budget: float) -> None:
        """Raises where too many rows were rejected.

        Raises:
            PartialFailure: the rejected share exceeds `budget`.
        """
        share = self.totals.rejected / max(1, self.totals.rows_in)
        if share > budget:
            worst = ", ".join(f"{n} {c}" for c, n in self.totals.classes.most_common(3))
            raise PartialFailure(
                f"{self.totals.rejected} of {self.totals.rows_in} rows rejected ({share:.1%}), the "
                f"failure budget is {budget:.1%}: {worst}. The alias was not moved; see the dead "
                "letters, mend the rows, and run with --redrive, or raise failure_budget"
            )


def finished(target: Target, store: Store, plan: Plan, failure_budget: float) -> Published | None:
    """The version, if it was made before and its collection is still whole; None otherwise.

    It is made live if a crash, or a smaller failure budget, had kept it from that.

    Raises:
        ValidationError: its collection has changed since it was verified.
    """
    if not store.exists(manifest_key(target.index, target.version)):
        return None
    client = connect(target.milvus)
    with typed_errors(f"look for {target.spec.name}"):
        if not client.has_collection(target.spec.name, timeout=target.milvus.timeout_s):
            return None
    publisher = Publisher(client, target.milvus, target.index, ManifestCatalog(store, target.index))
    publisher.check(target.version)
    return _settle(target, store, publisher, totals_of(plan, store, target), failure_budget)


def prepare(target: Target, store: Store) -> None:
    """Makes the collection; forgets what was loaded into one that is gone."""
    client = connect(target.milvus)
    with typed_errors(f"look for {target.spec.name}"):
        there = client.has_collection(target.spec.name, timeout=target.milvus.timeout_s)
    if not there:
        for key, _ in list(store.list(target.load_prefix)):
            store.delete(key)
        store.delete(target.promoted_key)
    ensure_collection(client, target.milvus, target.spec)


def publish(
    target: Target, store: Store, plan: Plan, config: IndexConfig, out: TextIO = sys.stdout
) -> Published:
    """Accounts for every row, verifies the collection, writes the manifest, moves the alias.

    Raises:
        ValidationError: rows are missing, or counts or sampled searches do not hold; the alias
            stays where it was.
    """
    totals = totals_of(plan, store, target)
    if totals.indexed + totals.rejected != totals.rows_in:
        raise ValidationError(
            f"{totals.rows_in} rows in, but {totals.indexed} indexed and {totals.rejected} rejected"
        )
    client = connect(target.milvus)
    seal(client, target.milvus, target.spec.name)
    report = verify(
        Searcher(target.milvus, client=client),
        target.spec.name,
        expected_rows=totals.indexed,
        config=config.verify,
        sample=sample_vectors(plan, store, target, config.verify.sample_rows),
    )
    publisher = Publisher(client, target.milvus, target.index, ManifestCatalog(store, target.index))
    manifest = _manifest(target, plan, totals, report, publisher.live_version())
    out.write(f"verify {report.counted_rows:,} rows counted · self-recall {report.self_recall:.1%} "
              f"of {report.sampled_rows} sampled\n")  # fmt: skip
    report.require_passed()
    write_manifest(store, manifest)
    return _settle(target, store, publisher, totals, config.failure_budget)


def _settle(
    target: Target, store: Store, publisher: Publisher, totals: Totals, failure_budget: float
) -> Published:
    """Makes a verified version live, once: where a person moved the alias since, it stays."""
    manifest = read_manifest(store, target.index, target.version)
    within = totals.rejected <= failure_budget * totals.rows_in
    if within and not store.exists(target.promoted_key):
        publisher.promote(target.version)
        store.put_once(target.promoted_key, b"{}")
    live = publisher.live_version() == target.version
    return Published(manifest=manifest, totals=totals, live=live)


def totals_of(plan: Plan, store: Store, target: Target) -> Totals:
    """Sums what the load markers say; rows that never became items count as rejected."""
    from tte2_ray.artifacts.dead_letters import read_dead_letters

    totals = Totals(rows_in=plan.rows_in, rejected=plan.rejected)
    totals.classes.update(
        letter.error_class for letter in read_dead_letters(store, plan.dead_letters)
    )
    for shard, stats in read_markers(plan, store, target.load_prefix):
        if stats["done"] + stats["rejected"] != shard.rows:
            raise ValidationError(f"shard {shard.name}: its marker does not add up: {stats}")
        totals.indexed += stats["done"]
        totals.rejected += stats["rejected"]
        totals.truncated += stats["truncated"]
        totals.classes.update(stats["classes"])
        totals.tokens.update(
            {name: stats[name] for name in ("prompt_tokens", "visual_tokens", "output_tokens")}
        )
    return totals


def sample_vectors(plan: Plan, store: Store, target: Target, count: int) -> "dict[str, ArrayLike]":
    """Vectors of items spread over the plan, as the vector tables hold them."""
    prefix = f"vectors/{target.spec.fingerprint}"
    step = max(1, len(plan.shards) // 16)
    shards = plan.shards[::step]
    each = -(-count // max(1, len(shards)))
    found: dict[str, ArrayLike] = {}
    for shard in shards:
        rows: Iterator[dict[str, object]] = (
            row
            for batch in iter_table(
                store, table_key(prefix, shard), vector_schema(target.spec.dimension)
            )
            for row in batch.to_pylist()
            if not row["error_class"]
        )
        for _, row in zip(range(each), rows, strict=False):
            found[str(row["item_id"])] = row["vector"]  # type: ignore[assignment]
    return found


def _manifest(
    target: Target, plan: Plan, totals: Totals, report: VerifyReport, live: str
) -> IndexManifest:
    return IndexManifest(
        index=target.index,
        version=target.version,
        collection=target.spec.name,
        ecr_fingerprint=target.ecr_fingerprint,
        embedding_fingerprint=target.spec.fingerprint,
        corpus_digest=plan.corpus_digest,
        rows_in=totals.rows_in,
        indexed=totals.indexed,
        unchanged=0,
        rejected=totals.rejected,
        status="verified" if report.passed else "failed",
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        replaced=live if live != target.version else "",
        checks={
            "counted_rows": report.counted_rows,
            "sampled_rows": report.sampled_rows,
            "self_recall": report.self_recall,
            "tied_share": report.tied_share,
        },
        tokens=dict(totals.tokens),
    )
