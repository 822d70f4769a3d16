"""What can be known to be missing: before Ray starts and anything is written, then of the cluster.

Each check ends in one message that names the setting to change. They are ordered from free to
slow: configuration, models, corpus, store, Milvus; then the nodes of the cluster.
"""

from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TextIO
from urllib.parse import urlparse

from tte2_ray.artifacts.corpus.source import locate
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.engines import EngineConfig
from tte2_ray.errors import PrerequisiteError
from tte2_ray.milvus import server
from tte2_ray.milvus.client import connect, typed_errors
from tte2_ray.milvus.collection import collection_name
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.pipelines.index.config import CorpusConfig, IndexConfig

_ONE_NODE = ("localhost", "127.0.0.1", "::1", None)
"""Hosts of servers that answer on their own machine alone; a Unix socket has none."""


def check(config: IndexConfig, *, dry_run: bool) -> tuple[IndexConfig, Store]:
    """The job's configuration, with a Milvus that answers, and its store.

    Args:
        config: what the job was told.
        dry_run: nothing is written: the store is only opened, no server is started.

    Raises:
        ConfigError: a value is wrong, or Milvus refuses the token.
        PrerequisiteError: vLLM, the store or Milvus cannot be used.
        ResourceMissingError: corpus, model or bucket do not exist.
    """
    config.require_corpus()
    collection_name(config.index, "v0")
    config.embedding_recipe()  # finds both models, and hashes what is not known yet
    for engine in (config.reasoner.engine, config.embedder.engine):
        _require_engine(engine)
    _require_corpus(config.corpus)
    store = open_store(config.store)
    store.check(write=not dry_run)
    if not dry_run:
        _require_folder(config.report_dir)
    if config.milvus.uri or not dry_run:
        config = config.with_milvus(server.resolve(config.milvus))
        _require_milvus(config.milvus)
    return config, store


def require_cluster(config: IndexConfig, out: TextIO, *, grows: bool) -> None:
    """Sees that the connected cluster can do the job: its nodes reach what is written, and one can
    hold a replica of each engine, for which Ray would wait for ever.

    Args:
        config: what replicas hold.
        out: told what is waited for.
        grows: nodes may join the cluster: it is waited for.

    Raises:
        PrerequisiteError: a cluster that was started here is too small, or what is written lies on
            one of several nodes.
    """
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    _require_reachable(config, len(nodes))
    for name, engine in (
        ("reasoner", config.reasoner.engine),
        ("embedder", config.embedder.engine),
    ):
        wants = {"GPU": engine.num_gpus, "CPU": engine.num_cpus}
        if any(all(node.get(kind, 0) >= n for kind, n in wants.items()) for node in nodes):
            continue
        asked = " and ".join(f"{n:g} {kind}" for kind, n in wants.items() if n)
        message = f"a replica of the {name} needs {asked}, which no node of the cluster has"
        if not grows:
            raise PrerequisiteError(
                f"{message}: lower {name}.engine.num_gpus or num_cpus, raise ray.local_cpus, or "
                "join a larger cluster (ray.address)"
            )
        out.write(f"wait   {message}: going on when one joins\n")


def _require_reachable(config: IndexConfig, nodes: int) -> None:
    if nodes < 2:
        return
    if not config.milvus.uri or urlparse(config.milvus.uri).hostname in _ONE_NODE:
        raise PrerequisiteError(
            f"the cluster has {nodes} nodes, and a Milvus at "
            f"{config.milvus.uri or config.milvus.data_dir} serves one: name a server that all "
            "reach (milvus.uri)"
        )
    if not config.store.lower().startswith("s3://") and not config.store_is_shared:
        raise PrerequisiteError(
            f"the cluster has {nodes} nodes, and the store {config.store} is a folder of one: give "
            "s3://bucket/prefix, or say store_is_shared=true where all mount that folder"
        )


def _require_engine(engine: EngineConfig) -> None:
    if engine.kind == "vllm" and find_spec("vllm") is None:
        raise PrerequisiteError(
            f"{engine.model} needs vLLM, which is not installed: run `make setup` "
            "(EXTRA=gpu for CUDA)"
        )


def _require_corpus(corpus: CorpusConfig) -> None:
    if corpus.path.startswith("s3://"):  # asked with little patience first
        open_store("/".join(corpus.path.split("/")[:3])).check(write=False)
    locate(corpus.path, corpus.format)


def _require_folder(report_dir: str) -> None:
    try:
        Path(report_dir).mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=report_dir):
            pass
    except OSError as error:
        raise PrerequisiteError(
            f"report_dir {report_dir} cannot be written ({error.strerror}); choose another folder"
        ) from error


def _require_milvus(config: MilvusConfig) -> None:
    client = connect(config)
    try:
        with typed_errors(f"list the collections of Milvus at {config.uri}", first=True):
            client.list_collections(timeout=config.connect_timeout_s)
    finally:
        client.close()
