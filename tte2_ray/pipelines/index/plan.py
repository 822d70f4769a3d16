"""What a job will make, named before it is made: the frozen plan and everything called after it."""

from collections import Counter
from dataclasses import dataclass, replace

from tte2_ray.artifacts.changes import Changes, plan_changes
from tte2_ray.artifacts.corpus import read_corpus, require_items
from tte2_ray.artifacts.dead_letters import read_dead_letters
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.keys import fingerprint
from tte2_ray.artifacts.markers import pending
from tte2_ray.artifacts.media_versions import MediaVersions
from tte2_ray.artifacts.shards import Plan, Shard
from tte2_ray.artifacts.store import Store, key_part
from tte2_ray.errors import PartialFailure
from tte2_ray.milvus.collection import COLLECTION_VERSION, collection_name
from tte2_ray.pipelines.index.accounts import by_class
from tte2_ray.pipelines.index.base import base_of
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.redrive import latest_generation, redriven
from tte2_ray.pipelines.index.target import Target


@dataclass(frozen=True, kw_only=True)
class Job:
    """A configured job with its plan: everything that its phases are named by."""

    config: IndexConfig
    store: Store
    plan: Plan
    target: Target
    changes: Changes | None = None
    """Of an incremental run, since what was finished last."""

    @property
    def ecr_prefix(self) -> str:
        """Folder of its ECR tables."""
        return self.target.ecr_prefix

    @property
    def vector_prefix(self) -> str:
        """Folder of its vector tables."""
        return self.target.vector_prefix

    @property
    def made(self) -> dict[str, str]:
        """By phase, the fingerprint of what it makes."""
        ecr, vectors = self.target.ecr_fingerprint, self.target.spec.fingerprint
        return {"reason": ecr, "embed": vectors, "load": vectors}


def plan_job(config: IndexConfig, store: Store, plans: Store, again: bool) -> Job:
    """Cuts the corpus into shards, or finds that it was cut before, and names what will be made.

    Args:
        config: the job's configuration.
        store: what was made before.
        plans: where the plan is frozen.
        again: plan to run the rejected rows of the last run again.
    """
    plan, changes = _planned(config, store, plans)
    plan = latest_generation(plan, store)
    if again:
        plan = redriven(plan, store, plans, lambda begun: _job(config, store, begun).target)
    return replace(_job(config, store, plan), changes=changes)


def _planned(config: IndexConfig, store: Store, plans: Store) -> tuple[Plan, Changes | None]:
    corpus = config.corpus
    rows = read_corpus(corpus.path, corpus.format, config.media)
    prefix, size = f"corpora/{key_part(corpus.name)}", corpus.rows_per_shard
    versions = MediaVersions(config.media) if corpus.check_files else None
    base = base_of(config, store, prefix) if config.mode == "incremental" else None
    if base is None:
        return freeze_plan(plans, prefix, require_items(rows), size, versions=versions), None
    return plan_changes(store, plans, base, rows, size, kind=corpus.listing, versions=versions)


def remaining(job: Job) -> dict[str, tuple[Shard, ...]]:
    """The shards that each phase has still to do."""
    prefixes = {
        "reason": job.ecr_prefix,
        "embed": job.vector_prefix,
        "load": job.target.load_prefix,
    }
    return {name: pending(job.plan, job.store, prefix) for name, prefix in prefixes.items()}


def require_rows(plan: Plan, store: Store) -> None:
    """Raises where there is nothing to index: an empty version would replace a good one.

    Raises:
        PartialFailure: no row of the corpus is an item.
    """
    if plan.rows:
        return
    if not plan.rows_in:
        raise PartialFailure(
            "the listing deletes every item: a version without a row is not served. Drop the "
            "index, if that is meant"
        )
    raise PartialFailure(
        f"all {plan.rows_in} rows of the corpus were rejected: {unread_by_class(plan, store)}; "
        f"nothing was indexed. See {store.uri(plan.dead_letters[0])}"
    )


def unread_by_class(plan: Plan, store: Store) -> str:
    """The rows that never became items, by error class, in words."""
    letters = read_dead_letters(store, plan.dead_letters)
    return by_class(Counter(letter.error_class for letter in letters))


def _job(config: IndexConfig, store: Store, plan: Plan) -> Job:
    ecr, embedding = config.ecr_recipe(), config.embedding_recipe()
    milvus = config.milvus
    described = {
        "corpus": plan.corpus_digest,
        "embedding": embedding.fingerprint,
        "index_type": milvus.index_type,
        "metric": milvus.metric,
        "build": milvus.build_params,
        "metadata": list(milvus.metadata_fields),
        "fields": COLLECTION_VERSION,
    }
    version = f"v{fingerprint('version', described)}"
    collection_name(config.index, version)
    target = Target.of(config, version, ecr.fingerprint, embedding)
    return Job(config=config, store=store, plan=plan, target=target)
