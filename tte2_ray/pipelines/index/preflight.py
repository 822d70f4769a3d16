"""What can be known to be missing: before Ray starts and anything is written, then of the cluster.

Each check ends in one message that names the setting to change. They are ordered from free to
slow: configuration, models, corpus, store, Ray, Milvus; then weights are hashed, and last of all an
embedded Milvus is started. The nodes of the cluster are asked when it is joined.
"""

from contextlib import suppress
from pathlib import Path
from typing import TextIO

from tte2_ray.artifacts.corpus.source import locate
from tte2_ray.artifacts.manifest import index_folder
from tte2_ray.artifacts.store import ObjectRefusedError, Store, open_store
from tte2_ray.milvus import server
from tte2_ray.milvus.bulk import require_importing
from tte2_ray.milvus.collection import collection_name
from tte2_ray.pipelines import nodes
from tte2_ray.pipelines.checks import require_folder, require_kept, require_milvus
from tte2_ray.pipelines.cluster import require_answer
from tte2_ray.pipelines.index.config import CorpusConfig, IndexConfig
from tte2_ray.pipelines.models import require_models, with_whole_folders


def check(config: IndexConfig, *, dry_run: bool) -> tuple[IndexConfig, Store]:
    """The job's configuration, with a Milvus that answers, and its store.

    Args:
        config: what the job was told.
        dry_run: nothing is written: the store is only opened, no server is started.

    Raises:
        ConfigError: a value is wrong, or Milvus refuses the token.
        PrerequisiteError: vLLM, the store, Milvus, or the Ray of an index without a version cannot
            be used.
        ResourceMissingError: corpus, model or bucket do not exist.
    """
    config.require_corpus()
    collection_name(config.index, "v0")
    require_kept(config)
    config = with_whole_folders(config)
    require_models(config)
    _require_corpus(config.corpus)
    store = open_store(config.store)
    store.check(write=not dry_run)
    if next(store.list(index_folder(config.index)), None) is None:
        require_answer(config.ray)  # an index that stands may need no Ray
    if not dry_run:
        require_folder(config.report_dir)
    if config.milvus.uri:
        require_milvus(config.milvus)
        require_importing(config.milvus, write=not dry_run)
    config.embedding_recipe()  # hashes the weights that are not known yet: minutes for 144 GB
    if not config.milvus.uri and not dry_run:
        config = config.with_milvus(server.resolve(config.milvus))
        require_milvus(config.milvus)
    if not dry_run:
        Path(config.report_dir).mkdir(parents=True, exist_ok=True)
    return config, store


def require_cluster(config: IndexConfig, out: TextIO, *, grows: bool) -> None:
    """See `nodes.require_cluster`."""
    engines = {"reasoner": config.reasoner.engine, "embedder": config.embedder.engine}
    nodes.require_cluster(config, engines, out, grows=grows)


def _require_corpus(corpus: CorpusConfig) -> None:
    if corpus.path.startswith("s3://"):  # asked with little patience first
        # Who may read but a prefix, or not list, is refused here; `locate` tells what is so.
        with suppress(ObjectRefusedError):
            open_store("/".join(corpus.path.split("/")[:3])).check(write=False)
    locate(corpus.path, corpus.format)
