"""From loaded shards to a version that was verified and recorded; then its alias is settled."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from tte2_ray.artifacts.dead_letters import read_dead_letters
from tte2_ray.artifacts.lease import Lease
from tte2_ray.artifacts.manifest import (
    IndexManifest,
    manifest_key,
    write_manifest,
)
from tte2_ray.artifacts.markers import marker_key, pending, read_marker, table_key
from tte2_ray.artifacts.shards import Plan, Shard
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import iter_table
from tte2_ray.milvus.client import connect, typed_errors
from tte2_ray.milvus.collection import ensure_collection
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.verify import VerifyReport, verify
from tte2_ray.milvus.writer import seal
from tte2_ray.pipelines.index.accounts import Accounts, account_for
from tte2_ray.pipelines.index.alias import Alias, Published
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.target import Target
from tte2_ray.schema import vector_schema
from tte2_ray.stages.shard_closing import LETTERS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from pymilvus import MilvusClient

TOKENS = ("prompt_tokens", "visual_tokens", "output_tokens")
"""What an index says of the tokens of its ECRs."""


def finished(
    target: Target, store: Store, plan: Plan, failure_budget: float, lease: Lease
) -> Published | None:
    """The version, if it was made before and its collection is still whole; None otherwise.

    It is made live if a crash, or a smaller failure budget, had kept it from that.

    Args:
        target: the version.
        store: where its tables and markers lie.
        plan: that was loaded.
        failure_budget: rejected share up to which it may be live.
        lease: that this process holds.

    Raises:
        ValidationError: its collection has changed since it was verified.
    """
    made = store.exists(manifest_key(target.index, target.version))
    if not made or pending(plan, store, target.load_prefix):
        return None
    client = connect(target.milvus)
    if not _is_there(client, target):
        return None
    alias = Alias(client, target, store, lease)
    alias.publisher.check_unchanged(target.version)
    return alias.settle(account_for(plan, store, target), failure_budget)


def forget_what_is_gone(target: Target, store: Store, plan: Plan) -> None:
    """Deletes what vouches for a collection that is not there, or not whole.

    First the manifest: whatever a crash leaves behind is then loaded and verified before it is
    served.
    """
    there = _is_there(connect(target.milvus), target)
    if there and not pending(plan, store, target.load_prefix):
        return
    store.delete(manifest_key(target.index, target.version))
    if there:
        return
    store.delete(target.promoted_key)
    for key, _ in list(store.list(target.load_prefix)):
        store.delete(key)


def _is_there(client: "MilvusClient", target: Target) -> bool:
    with typed_errors(f"look for {target.spec.name}"):
        return bool(client.has_collection(target.spec.name, timeout=target.milvus.timeout_s))


def make_collection(target: Target) -> None:
    """Makes the collection of the version, unless it is there."""
    ensure_collection(connect(target.milvus), target.milvus, target.spec)


def publish(
    target: Target,
    store: Store,
    plan: Plan,
    accounts: Accounts,
    config: IndexConfig,
    lease: Lease,
    out: TextIO = sys.stdout,
) -> Published:
    """Verifies the collection, writes the manifest, moves the alias.

    Args:
        target: the version.
        store: where its tables and markers lie.
        plan: that was loaded.
        accounts: of its rows, which the collection must hold.
        config: what is asked of a version.
        lease: that this process holds.
        out: told what was found.

    Raises:
        ValidationError: counts or sampled searches do not hold; the alias stays where it was.
    """
    client = connect(target.milvus)
    seal(client, target.milvus, target.spec.name)
    report = verify(
        Searcher(target.milvus, client=client),
        target.spec.name,
        expected_rows=accounts.total.done,
        config=config.verify,
        sample=sample_vectors(plan, store, target, config.verify.sample_rows),
    )
    out.write(f"verify {report.counted_rows:,} rows counted · self-recall {report.self_recall:.1%} "
              f"of {report.sampled_rows} sampled\n")  # fmt: skip
    report.require_passed()
    write_manifest(store, _manifest(target, plan, accounts, report, lease.number))
    return Alias(client, target, store, lease).settle(accounts, config.failure_budget)


def sample_vectors(plan: Plan, store: Store, target: Target, count: int) -> "dict[str, ArrayLike]":
    """Vectors of loaded items, spread over the plan, as the vector tables hold them."""
    step = max(1, len(plan.shards) // 16)
    shards = plan.shards[::step]
    each = -(-count // max(1, len(shards)))
    found: dict[str, ArrayLike] = {}
    for shard in shards:
        found |= islice(_loaded_vectors(store, target, shard), each)
    if found:
        return found
    # These shards may be just those whose rows were all rejected.
    every = (pair for shard in plan.shards for pair in _loaded_vectors(store, target, shard))
    return dict(islice(every, count))


def _loaded_vectors(
    store: Store, target: Target, shard: Shard
) -> "Iterator[tuple[str, ArrayLike]]":
    marker = read_marker(store, marker_key(target.load_prefix, shard))
    letters = read_dead_letters(store, marker.get(LETTERS, ()))
    rejected = {letter.item_id for letter in letters}
    key = table_key(target.vector_prefix, shard)
    for batch in iter_table(store, key, vector_schema(target.spec.dimension)):
        for row in batch.to_pylist():
            if not row["error_class"] and row["item_id"] not in rejected:
                yield row["item_id"], row["vector"]


def _manifest(
    target: Target, plan: Plan, accounts: Accounts, report: VerifyReport, lease: int
) -> IndexManifest:
    """Of a version whose checks held."""
    counts = accounts.total
    return IndexManifest(
        index=target.index,
        version=target.version,
        collection=target.spec.name,
        ecr_fingerprint=target.ecr_fingerprint,
        embedding_fingerprint=target.spec.fingerprint,
        corpus=plan.prefix,
        corpus_digest=plan.corpus_digest,
        rows_in=accounts.rows_in,
        indexed=accounts.loaded.done,
        unchanged=accounts.before.done,
        rejected=counts.rejected,
        status="verified",
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        lease=lease,
        checks={
            "counted_rows": report.counted_rows,
            "sampled_rows": report.sampled_rows,
            "self_recall": report.self_recall,
            "tied_share": report.tied_share,
        },
        tokens={name: getattr(counts, name) for name in TOKENS},
    )
