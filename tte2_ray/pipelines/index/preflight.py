"""What can be known to be missing: before Ray starts and anything is written, then of the cluster.

Each check ends in one message that names the setting to change. They are ordered from free to
slow: configuration, models, corpus, store, Ray, Milvus; then weights are hashed, and last of all an
embedded Milvus is started. The nodes of the cluster are asked when it is joined.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TextIO
from urllib.parse import urlparse

from tte2_ray.artifacts.corpus.source import locate
from tte2_ray.artifacts.manifest import index_folder
from tte2_ray.artifacts.store import ObjectRefusedError, Store, open_store
from tte2_ray.errors import ConfigError, PrerequisiteError
from tte2_ray.milvus import server
from tte2_ray.milvus.client import connect, typed_errors
from tte2_ray.milvus.collection import collection_name
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.pipelines.index.cluster import require_answer, runs_in_a_copy
from tte2_ray.pipelines.index.config import CorpusConfig, IndexConfig
from tte2_ray.pipelines.index.models import require_models, with_whole_folders
from tte2_ray.pipelines.index.nodes import require_store_on

_ONE_NODE = ("localhost", "127.0.0.1", "::1", None)
"""Hosts of servers that answer on their own machine alone; a Unix socket has none."""
_NODE_GROUP = "ray.io/node-group"
"""Label of the nodes that an autoscaler made; a plain `ray start` sets none."""


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
    _require_kept(config)
    config = with_whole_folders(config)
    require_models(config)
    _require_corpus(config.corpus)
    store = open_store(config.store)
    store.check(write=not dry_run)
    if next(store.list(index_folder(config.index)), None) is None:
        require_answer(config.ray)  # an index that stands may need no Ray
    if not dry_run:
        _require_folder(config.report_dir)
    if config.milvus.uri:
        _require_milvus(config.milvus)
    config.embedding_recipe()  # hashes the weights that are not known yet: minutes for 144 GB
    if not config.milvus.uri and not dry_run:
        config = config.with_milvus(server.resolve(config.milvus))
        _require_milvus(config.milvus)
    if not dry_run:
        Path(config.report_dir).mkdir(parents=True, exist_ok=True)
    return config, store


def require_cluster(config: IndexConfig, out: TextIO, *, grows: bool) -> None:
    """Sees that the connected cluster can do the job: its nodes reach what is written, and one can
    hold a replica of each engine, for which Ray would wait for ever.

    Args:
        config: what replicas hold.
        out: told what is waited for.
        grows: the cluster was joined: where an autoscaler made its nodes, it may make more.

    Raises:
        PrerequisiteError: no node is large enough and none will be, what is written lies on one of
            several nodes, or a node has no way to the store.
    """
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    _require_reachable(config, len(nodes))
    scales = grows and any(node.get("Labels", {}).get(_NODE_GROUP) for node in nodes)
    for name, engine in (
        ("reasoner", config.reasoner.engine),
        ("embedder", config.embedder.engine),
    ):
        wants = {"GPU": engine.num_gpus, "CPU": engine.num_cpus}
        if any(_holds(node["Resources"], wants) for node in nodes):
            continue
        asked = " and ".join(f"{n:g} {kind}" for kind, n in wants.items() if n)
        message = f"a replica of the {name} needs {asked}, which no node of the cluster has"
        if not scales:
            change = "start such a node" if grows else _what_helps_here(nodes, wants)
            raise PrerequisiteError(
                f"{message}, and no autoscaler adds one: lower {name}.engine.num_gpus or "
                f"num_cpus, {change}, or join a larger cluster (ray.address)"
            )
        out.write(f"wait   {message}: going on when the autoscaler adds one (see `ray status`)\n")
    if grows and config.store.lower().startswith("s3://"):
        require_store_on(nodes, config.store)


def _holds(node: Mapping[str, float], wants: Mapping[str, float]) -> bool:
    return all(node.get(kind, 0) >= amount for kind, amount in wants.items())


def _what_helps_here(nodes: Sequence[Mapping[str, Any]], wants: Mapping[str, float]) -> str:
    """Of a cluster that was started here: its CPUs are a setting, its GPUs those of the machine."""
    most = {kind: max(node["Resources"].get(kind, 0) for node in nodes) for kind in wants}
    advice = {"CPU": "raise ray.local_cpus", "GPU": "use a machine with as many GPUs"}
    helps = [advice[kind] for kind, amount in wants.items() if most[kind] < amount]
    return " and ".join(helps) or "use one larger machine"


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


def _require_kept(config: IndexConfig) -> None:
    """Refuses to write where nothing is found again: the same command would start anew."""
    if not runs_in_a_copy():
        return
    folders = {"report_dir": config.report_dir}
    if "://" not in config.store:
        folders["store"] = config.store
    if not config.milvus.uri:
        folders["milvus.data_dir"] = config.milvus.data_dir
    lost = [f"{key}={path}" for key, path in folders.items() if not Path(path).is_absolute()]
    if lost:
        raise ConfigError(
            f"{', '.join(lost)}: a submitted job runs in Ray's own copy of its working directory, "
            "so this would be lost with it, and nothing resumed; give a whole path or S3, e.g. "
            "store=s3://bucket/prefix report_dir=/data/report milvus.data_dir=/data/milvus"
        )


def _require_corpus(corpus: CorpusConfig) -> None:
    if corpus.path.startswith("s3://"):  # asked with little patience first
        # Who may read but a prefix, or not list, is refused here; `locate` tells what is so.
        with suppress(ObjectRefusedError):
            open_store("/".join(corpus.path.split("/")[:3])).check(write=False)
    locate(corpus.path, corpus.format)


def _require_folder(report_dir: str) -> None:
    """Sees that a folder can be written, or made, and makes none."""
    whole = Path(report_dir).absolute()
    try:
        there = next(path for path in (whole, *whole.parents) if path.exists())
        with NamedTemporaryFile(dir=there):
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
