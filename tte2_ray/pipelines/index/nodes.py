"""The nodes of a joined cluster: does each reach the store, as the driver does?"""

from collections.abc import Mapping, Sequence
from typing import Any

from tte2_ray.artifacts.store import open_store
from tte2_ray.errors import PrerequisiteError, TteError
from tte2_ray.media.aws import aws_environment

_TIMEOUT_S = 60.0
"""A worker starts for the question."""


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

    environment = {"env_vars": aws_environment()}
    look = ray.remote(num_cpus=0, max_retries=0, runtime_env=environment)(_look)
    asked = {}
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        answer = look.options(scheduling_strategy=there).remote(store)
        asked[node["NodeManagerAddress"]] = answer
    for address, answer in asked.items():
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


def _look(store: str) -> None:
    open_store(store).check(write=False)
