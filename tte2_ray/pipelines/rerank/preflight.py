"""What can be known to be missing or not to fit: before Ray starts and anything is written.

Each check ends in one message that names the setting to change. They are ordered from free to
slow: configuration, policy, models, log, store; then weights are hashed, Milvus is asked, and what
the index was made with is compared. The alias of the index is looked up here, once: a job stays on
the version that it started with.
"""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from tte2_ray.artifacts.corpus.source import locate_file
from tte2_ray.artifacts.manifest import IndexManifest, list_manifests, manifest_key, read_manifest
from tte2_ray.artifacts.query_log import locate_log
from tte2_ray.artifacts.store import ObjectRefusedError, Store, open_store
from tte2_ray.cascade import policy_of
from tte2_ray.cascade.judging import require_seen_queries
from tte2_ray.errors import ConfigError, ResourceMissingError, ValidationError
from tte2_ray.milvus import server
from tte2_ray.milvus.client import connect, typed_errors
from tte2_ray.milvus.collection import describe
from tte2_ray.milvus.config import IndexType, Metric
from tte2_ray.milvus.publish import live_version
from tte2_ray.milvus.searcher import K_MAX
from tte2_ray.pipelines import nodes
from tte2_ray.pipelines.checks import require_folder, require_kept, require_milvus
from tte2_ray.pipelines.models import (
    require_model,
    require_models,
    with_whole_folder,
    with_whole_folders,
)
from tte2_ray.pipelines.rerank.config import RerankConfig
from tte2_ray.pipelines.rerank.versions import judge_version, rewriter_version

if TYPE_CHECKING:
    from pymilvus import MilvusClient


def check(config: RerankConfig, *, dry_run: bool) -> tuple[RerankConfig, Store, IndexManifest]:
    """The job's configuration, with a Milvus that answers; its store; what it is asked of.

    Args:
        config: what the job was told.
        dry_run: nothing is written to the store. An embedded Milvus is started all the same: it
            alone knows which version is live.

    Raises:
        ConfigError: a value is wrong, or Milvus refuses the token.
        PrerequisiteError: vLLM, the store or Milvus cannot be used.
        ResourceMissingError: log, run, policy, model, index or version do not exist.
        ValidationError: the index was made with other models.
    """
    config.require_log()
    _require_cascade(config)
    require_kept(config)
    config = _with_whole_folders(config)
    require_models(config)
    require_model("judge", config.judge.engine)
    require_model("rewriter", config.rewriter.engine)
    _require_log(config)
    store = open_store(config.store)
    store.check(write=not dry_run)
    if not dry_run:
        require_folder(config.report_dir)
    config.embedding_recipe()  # hashes weights that are not known yet
    judge_version(config), rewriter_version(config)
    if not config.milvus.uri:
        config = config.with_milvus(server.resolve(config.milvus))
    require_milvus(config.milvus)
    config, manifest = _with_index(config, store)
    _require_same_models(config, manifest)
    if not dry_run:
        Path(config.report_dir).mkdir(parents=True, exist_ok=True)
    return config, store, manifest


def require_cluster(config: RerankConfig, out: TextIO, *, grows: bool) -> None:
    """See `nodes.require_cluster`."""
    engines = {"reasoner": config.reasoner.engine, "embedder": config.embedder.engine,
               "judge": config.replica}  # fmt: skip
    nodes.require_cluster(config, engines, out, grows=grows)


def _require_cascade(config: RerankConfig) -> None:
    """What would else come out in the last phase, when the others are paid for."""
    cascade = config.cascade
    require_seen_queries(cascade, config.judge)
    rewrites = any(band.rewrite for band in policy_of(cascade).bands)
    if cascade.mode == "media" and rewrites:
        raise ConfigError(
            f"cascade.mode is media, but the policy {cascade.policy} rewrites: a judge that sees "
            "pixels reads no ECRs; set cascade.rewrites=false, or name a policy without rewrites"
        )
    if cascade.retrieve > K_MAX and not config.log.run:
        raise ConfigError(
            f"cascade.retrieve is {cascade.retrieve}; Milvus gives at most {K_MAX} candidates of a "
            "query"
        )


def _with_whole_folders(config: RerankConfig) -> RerankConfig:
    config = with_whole_folders(config)
    judge, rewriter = config.judge, config.rewriter
    return replace(
        config,
        judge=replace(judge, engine=with_whole_folder(judge.engine)),
        rewriter=replace(rewriter, engine=with_whole_folder(rewriter.engine)),
    )


def _require_log(config: RerankConfig) -> None:
    for path in (config.log.path, config.log.run):
        if path.startswith("s3://"):  # asked with little patience first
            with suppress(ObjectRefusedError):
                open_store("/".join(path.split("/")[:3])).check(write=False)
    locate_log(config.log.path, config.log.format)
    if config.log.run:
        locate_file(config.log.run, "run")


def _with_index(config: RerankConfig, store: Store) -> tuple[RerankConfig, IndexManifest]:
    """The configuration with the metric and the kind of the collection, and its manifest."""
    client = connect(config.milvus)
    try:
        version = config.version or live_version(client, config.milvus, config.index)
        manifest = _manifest(config, store, version)
        found = describe(client, config.milvus, manifest.collection)
        _require_fields(client, config, manifest)
        if found.fingerprint != manifest.embedding_fingerprint:
            raise ValidationError(
                f"the collection {found.name} carries the fingerprint {found.fingerprint!r}, its "
                f"manifest in {config.store} {manifest.embedding_fingerprint!r}: store and milvus "
                "do not belong together"
            )
        with typed_errors(f"load {found.name}"):
            client.load_collection(found.name, timeout=config.milvus.timeout_s)
    finally:
        client.close()
    metric, kind = cast("Metric", found.metric), cast("IndexType", found.index_type)
    return config.with_milvus(replace(config.milvus, metric=metric, index_type=kind)), manifest


def _manifest(config: RerankConfig, store: Store, version: str) -> IndexManifest:
    if not version:
        known = ", ".join(each.version for each in list_manifests(store, config.index)) or "none"
        raise ResourceMissingError(
            f"no version of index {config.index} is live (the store knows {known}): index a corpus "
            "first (jobs/index_corpus.py), correct index, or name one of its versions (version=…)"
        )
    if not store.exists(manifest_key(config.index, version)):
        known = ", ".join(each.version for each in list_manifests(store, config.index)) or "none"
        raise ResourceMissingError(
            f"{config.store} has no version {version} of index {config.index}, only {known}; is "
            "store the one that the index job wrote to?"
        )
    manifest = read_manifest(store, config.index, version)
    if manifest.status != "verified":
        raise ValidationError(f"version {version} of {config.index} did not pass its checks")
    return manifest


def _require_fields(client: "MilvusClient", config: RerankConfig, manifest: IndexManifest) -> None:
    """Refuses a collection, or a manifest, of earlier code."""
    with typed_errors(f"describe the collection {manifest.collection}"):
        found = client.describe_collection(manifest.collection, timeout=config.milvus.timeout_s)
    if "ecr_key" not in {field["name"] for field in found["fields"]} or not manifest.corpus:
        raise ValidationError(
            f"version {manifest.version} of {config.index} was loaded by earlier code, without "
            "what reranking needs: run the index job again, which loads it anew and writes no "
            "token twice"
        )


def _require_same_models(config: RerankConfig, manifest: IndexManifest) -> None:
    made = {"ecr": manifest.ecr_fingerprint, "embedding": manifest.embedding_fingerprint}
    now = {"ecr": config.ecr_recipe().fingerprint,
           "embedding": config.embedding_recipe().fingerprint}  # fmt: skip
    differing = [name for name in made if made[name] != now[name]]
    if differing:
        name = differing[0]
        raise ValidationError(
            f"version {manifest.version} of {config.index} was made with the {name} fingerprint "
            f"{made[name]}, the configured models (reasoner {config.reasoner.engine.model}, "
            f"embedder {config.embedder.engine.model}) have {now[name]}: configure reasoner, "
            "embedder and media as the index job was told, or name another version"
        )
