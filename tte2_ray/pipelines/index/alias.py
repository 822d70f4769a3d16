"""From a verified version to one that readers see: once, and only by who holds the lease."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tte2_ray.artifacts.finished import Finished, tell_finished
from tte2_ray.artifacts.lease import Lease, LeaseLostError
from tte2_ray.artifacts.manifest import IndexManifest, read_manifest
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import PartialFailure
from tte2_ray.milvus.catalog import ManifestCatalog
from tte2_ray.milvus.publish import Publisher
from tte2_ray.pipelines.index.accounts import Accounts, by_class, within
from tte2_ray.pipelines.index.target import PROMOTED, Target
from tte2_ray.stages.counts import Counts

if TYPE_CHECKING:
    from pymilvus import MilvusClient

_MEND = "see the dead letters, mend the rows and run again (with --redrive, but for stage read)"


@dataclass(frozen=True, kw_only=True)
class Published:
    """A version that was made, or was there already."""

    manifest: IndexManifest
    accounts: Accounts
    """Of all rows of the corpus."""
    live: bool
    """Whether the alias points to it now."""

    @property
    def counts(self) -> Counts:
        """Of all rows of the corpus; the tokens are those of its ECRs."""
        return self.accounts.total

    def failure(self, budget: float) -> PartialFailure | None:
        """What is to be raised where the rejected share exceeds `budget`, or no row was indexed."""
        counts = self.counts
        if within(counts, budget):
            return None
        worst = by_class(counts.classes)
        if not counts.done:
            return PartialFailure(
                f"all {counts.rows} rows were rejected: {worst}. A version without a row is not "
                f"served, whatever failure_budget says; {_MEND}"
            )
        alias = "The version is live, as it was accepted before" if self.live else "The alias stays"
        return PartialFailure(
            f"{counts.rejected} of {counts.rows} rows rejected ({counts.rejected_share:.1%}), the "
            f"failure budget is {budget:.1%}: {worst}. {alias}; {_MEND}, or raise failure_budget"
        )

    def require_within(self, budget: float) -> None:
        """Raises where too many rows were rejected.

        Raises:
            PartialFailure: see `failure`.
        """
        if failure := self.failure(budget):
            raise failure


class Alias:
    """The alias of an index, as the job that makes a version of it moves it.

    Args:
        client: of the Milvus of the version.
        target: the version.
        store: where its manifest lies.
        lease: that this process holds.
    """

    def __init__(self, client: "MilvusClient", target: Target, store: Store, lease: Lease) -> None:
        self._target, self._store, self._lease = target, store, lease
        catalog = ManifestCatalog(store, target.index)
        self.publisher = Publisher(client, target.milvus, target.index, catalog, lease.require)

    def settle(self, accounts: Accounts, failure_budget: float) -> Published:
        """Makes a verified version live, once: where a person moved the alias since, it stays.

        Args:
            accounts: of its rows.
            failure_budget: rejected share up to which it may be live.
        """
        target, store = self._target, self._store
        manifest = read_manifest(store, target.index, target.version)
        told = Finished(corpus=manifest.corpus, corpus_digest=manifest.corpus_digest,
                        version=target.version)  # fmt: skip
        tell_finished(store, target.index, self._lease.number, told)
        if within(accounts.total, failure_budget) and not store.exists(target.promoted_key):
            self._promote()
        live = self.publisher.live_version() == target.version
        return Published(manifest=manifest, accounts=accounts, live=live)

    def _promote(self) -> None:
        """Moves the alias, and forgets of the other versions that the job had made them live:
        whoever runs their job again wants them back."""
        target = self._target
        if self.publisher.live_version() != target.version:
            for version in self._promoted():
                self._store.delete(replace(target, version=version).promoted_key)
        self.publisher.promote(target.version)
        try:
            self._lease.require()
        except LeaseLostError:
            # Paused between the question and the move, which Milvus cannot make one: what another
            # job has promoted since is put back.
            for version in self._promoted():
                self.publisher.point_at(version)
            raise
        self._store.put_once(target.promoted_key, b"{}")

    def _promoted(self) -> list[str]:
        """Which versions a job says to have made live; one at most, but for a crash."""
        keys = (key for key, _ in self._store.list(self._target.index_folder))
        return [key.split("/")[-2] for key in keys if key.endswith(f"/{PROMOTED}")]
