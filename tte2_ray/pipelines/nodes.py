"""The nodes of a cluster: can they do the job, and does each reach the store as the driver does?"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, TextIO
from urllib.parse import urlparse

from tte2_ray.artifacts.store import open_store
from tte2_ray.engines import EngineConfig
from tte2_ray.errors import PrerequisiteError, TteError
from tte2_ray.media.aws import aws_environment
from tte2_ray.pipelines.config import JobConfig

_ONE_NODE = ("localhost", "127.0.0.1", "::1", None)
"""Hosts of servers that answer on their own machine alone; a Unix socket has none."""
_NODE_GROUP = "ray.io/node-group"
"""Label of the nodes that an autoscaler made; a plain `ray start` sets none."""

_TIMEOUT_S = 60.0
"""A worker starts for the question."""


def require_cluster(
    config: JobConfig, engines: Mapping[str, EngineConfig], out: TextIO, *, grows: bool
) -> None:
    """Sees that the connected cluster can do the job: its nodes reach what is written, and one can
    hold a replica of each engine, for which Ray would wait for ever.

    Args:
        config: where things lie.
        engines: what replicas hold, by the part of the configuration that says so.
        out: told what is waited for.
        grows: the cluster was joined: where an autoscaler made its nodes, it may make more.

    Raises:
        PrerequisiteError: no node is large enough and none will be, what is written lies on one of
            several nodes, or a node has no way to the store.
    """
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    # Several nodes of one machine have its address, its folders and its loopback in common.
    _require_reachable(config, len({node["NodeManagerAddress"] for node in nodes}))
    scales = grows and any(node.get("Labels", {}).get(_NODE_GROUP) for node in nodes)
    for name, engine in engines.items():
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


def _require_reachable(config: JobConfig, machines: int) -> None:
    if machines < 2:
        return
    if not config.milvus.uri or urlparse(config.milvus.uri).hostname in _ONE_NODE:
        raise PrerequisiteError(
            f"the cluster has nodes on {machines} machines, and a Milvus at "
            f"{config.milvus.uri or config.milvus.data_dir} serves one: name a server that all "
            "reach (milvus.uri)"
        )
    if not config.store.lower().startswith("s3://") and not config.store_is_shared:
        raise PrerequisiteError(
            f"the cluster has nodes on {machines} machines, and the store {config.store} is a "
            "folder of one: give s3://bucket/prefix, or say store_is_shared=true where all mount "
            "that folder"
        )


def require_store_on(nodes: Sequence[Mapping[str, Any]], store: str) -> None:
    """Asks a worker on each node to look into the store, with the environment that stages get.

    A profile, a role or a route that the driver has may be missing there: every shard would fail.

    Args:
        nodes: as `ray.nodes()` describes them, alive.
        store: root of the store, on S3.

    Raises:
        PrerequisiteError: a node does not reach it, or does not answer.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    credentials = aws_environment()
    # The process ends with its look: it has variables that no other task of it expects.
    look = ray.remote(num_cpus=0, max_retries=0, max_calls=1)(_look)
    asked = []
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        answer = look.options(scheduling_strategy=there).remote(store, credentials)
        asked.append((node["NodeManagerAddress"], answer))
    for address, answer in asked:
        try:
            ray.get(answer, timeout=_TIMEOUT_S)
        except ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            said = cause if isinstance(cause, TteError) else error
            raise PrerequisiteError(
                f"the node {address} does not reach the store as the driver does: {said}; what "
                "AWS_PROFILE, AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE and AWS_CA_BUNDLE name "
                "must lie on every node"
            ) from error


def _look(store: str, credentials: Mapping[str, str]) -> None:
    os.environ.update(credentials)
    open_store(store).check(write=False)
