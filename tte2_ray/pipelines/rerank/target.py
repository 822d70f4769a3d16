"""What a job will make, named before it is made: the folders of its tables and of its run."""

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from tte2_ray.artifacts.keys import EcrRecipe, EmbeddingRecipe, fingerprint
from tte2_ray.artifacts.manifest import IndexManifest
from tte2_ray.artifacts.query_log.freeze import FrozenLog
from tte2_ray.artifacts.store import Store, key_part
from tte2_ray.cascade import Policy, policy_of
from tte2_ray.pipelines.rerank.config import RerankConfig
from tte2_ray.pipelines.rerank.versions import judge_version, rewriter_version
from tte2_ray.stages.queries import query_recipe, query_vectors

UNREAD = "no ECR is read"
"""In the place of a task: names tables of queries that nothing was written about."""


@dataclass(frozen=True)
class Job:
    """A configured job with its plan: everything that its phases are named by.

    Args:
        config: with the server and the metric of its index.
        store: where everything lies.
        manifest: of the version of the index that the job stays on.
        log: the plan.
    """

    config: RerankConfig
    store: Store
    manifest: IndexManifest
    log: FrozenLog

    @cached_property
    def recipe(self) -> EcrRecipe:
        """Of the ECRs of the index."""
        return self.config.ecr_recipe()

    @cached_property
    def vectors(self) -> EmbeddingRecipe:
        """Of the vectors of the index."""
        return self.config.embedding_recipe()

    @cached_property
    def policy(self) -> Policy:
        """How much is judged and rewritten."""
        return policy_of(self.config.cascade)

    @property
    def thinks(self) -> bool:
        """Whether ECRs of queries are read by anybody: the embedder, or a judge."""
        judged = any(band.judge for band in self.policy.bands)
        return self.config.embedder.reads_ecr or judged

    @property
    def retrieves(self) -> bool:
        """Whether candidates come from the index, and not from a first-stage run."""
        return not self.config.log.run

    @property
    def rewrites(self) -> bool:
        """Whether anything may be rewritten."""
        return any(band.rewrite for band in self.policy.bands)

    @cached_property
    def query_recipe(self) -> EcrRecipe:
        """Names the tables of the ECRs of queries; each query's own has its task besides."""
        recipe = query_recipe(self.recipe, "")
        return recipe if self.thinks else replace(recipe, instruction=UNREAD)

    @cached_property
    def query_vectors(self) -> EmbeddingRecipe:
        """Names the tables of their vectors."""
        return query_vectors(self.vectors, self.query_recipe)

    @cached_property
    def judge_version(self) -> str:
        """See `versions.judge_version`."""
        return judge_version(self.config)

    @cached_property
    def rewriter_version(self) -> str:
        """See `versions.rewriter_version`; "" where nothing is rewritten."""
        return rewriter_version(self.config) if self.rewrites else ""

    @cached_property
    def fingerprint(self) -> str:
        """Of all that decides orders, besides the queries and who else is in their shard."""
        config = self.config
        cascade = {k: v for k, v in asdict(config.cascade).items() if k != "policy"}
        described: dict[str, Any] = {
            "tables": 2,  # their form: raised where a table of before could not be read
            "collection": self.manifest.collection,
            "made": self.manifest.created_at,
            "queries": self.query_vectors.fingerprint if self.retrieves else "run",
            "ecrs": self.query_recipe.fingerprint,
            "search": [config.milvus.metric, config.milvus.index_type, config.milvus.search_params],
            "cascade": cascade,
            "policy": self.policy.fingerprint,
            "budget": asdict(config.budget),
            "judge": self.judge_version,
            "rewriter": self.rewriter_version,
        }
        return fingerprint("rerank", described)

    @property
    def made(self) -> dict[str, str]:
        """By phase, the fingerprint of what it makes, for rates: no budget changes them much."""
        models = {"judge": self.judge_version, "rewriter": self.rewriter_version}
        ecrs = self.query_recipe.fingerprint
        vectors = self.query_vectors.fingerprint
        return {"look": ecrs, "reason": ecrs, "embed": vectors,
                "rerank": fingerprint("rerank", models)}  # fmt: skip

    @property
    def run(self) -> str:
        """Name of the run: as it was configured, or by what decides it."""
        if self.config.run:
            return self.config.run
        what = {"log": self.log.digest, "reranking": self.fingerprint}
        return f"{self.config.index}-{fingerprint('run', what)}"

    @property
    def ecr_prefix(self) -> str:
        """Folder of the ECR tables of queries."""
        return f"ecr/{self.query_recipe.fingerprint}"

    @property
    def vector_prefix(self) -> str:
        """Folder of their vector tables."""
        return f"vectors/{self.query_vectors.fingerprint}"

    @property
    def prefix(self) -> str:
        """Folder of judgements, ledgers and outcomes by shard, which runs may share."""
        return f"reranked/{self.fingerprint}"

    @property
    def folder(self) -> str:
        """Of the run in the store."""
        return f"runs/{key_part(self.run)}"

    @property
    def dead_letter_prefix(self) -> str:
        """Folder of the queries that this run rejected."""
        return f"dead-letter/run-{key_part(self.run)}"
