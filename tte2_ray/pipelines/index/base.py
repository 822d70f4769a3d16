"""What an incremental run compares a listing with: the plan that a job finished last."""

from tte2_ray.artifacts.finished import last_finished
from tte2_ray.artifacts.manifest import list_manifests, read_manifest
from tte2_ray.artifacts.shards import Plan, read_plan
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ConfigError, ResourceMissingError
from tte2_ray.pipelines.index.config import IndexConfig


def base_of(config: IndexConfig, store: Store, corpus: str) -> Plan | None:
    """The plan that changes are made to; None where the listing is the first, and full.

    Args:
        config: of the job.
        store: where plans lie.
        corpus: folder of the plans of the corpus.

    Raises:
        ResourceMissingError: changes are listed, but there is nothing that they could change; or
            `corpus.base` is not there.
        ConfigError: `corpus.base` is of another corpus.
    """
    if config.corpus.base:
        return _named(config, store, corpus)
    if told := last_finished(store, config.index, corpus):
        return read_plan(store, corpus, told.corpus_digest)
    made = [m for m in list_manifests(store, config.index) if m.corpus == corpus]
    if made:  # by code that did not tell yet what it finished
        return read_plan(store, corpus, max(made, key=lambda each: each.age).corpus_digest)
    if config.corpus.listing == "full":
        return None
    raise ResourceMissingError(
        f"index {config.index} has no version of corpus {config.corpus.name} that the changes in "
        f"{config.corpus.path} could be made to: index its full listing first"
    )


def _named(config: IndexConfig, store: Store, corpus: str) -> Plan:
    manifest = read_manifest(store, config.index, config.corpus.base)
    if manifest.corpus != corpus:
        raise ConfigError(
            f"corpus.base: version {manifest.version} is of {manifest.corpus}, not of {corpus}"
        )
    return read_plan(store, corpus, manifest.corpus_digest)
