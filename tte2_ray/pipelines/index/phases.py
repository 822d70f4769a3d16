"""A phase: the shards that are not yet done, spread by Ray Data over the replicas of a stage."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tte2_ray.artifacts.s3 import aws_environment
from tte2_ray.artifacts.shards import Shard
from tte2_ray.engines import EngineConfig
from tte2_ray.errors import RuntimeFailure, TteError
from tte2_ray.stages.work import ShardStats, shard_rows

_QUIET = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TRANSFORMERS_VERBOSITY": "error",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TQDM_DISABLE": "1",
    "PYTHONWARNINGS": "ignore",
}
"""What an operator need not read: notices of libraries about themselves."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """How a stage is spread: fixed pools, so that no autoscaler decides in the middle of a job."""

    replicas: int
    num_cpus: float
    num_gpus: float
    in_flight: int
    """Shards that a replica works on at once."""
    max_restarts: int
    environment: Mapping[str, str]
    """Variables of the workers' processes."""


def engine_pool(engine: EngineConfig, max_restarts: int) -> Pool:
    """The pool of a stage that holds an engine."""
    # Workers inherit Ray's environment, not the driver's.
    environment = {**aws_environment(), **_QUIET}
    if not engine.num_gpus:
        environment["OMP_NUM_THREADS"] = str(engine.threads)
    return Pool(
        replicas=engine.replicas,
        num_cpus=engine.num_cpus,
        num_gpus=engine.num_gpus,
        in_flight=engine.shards_in_flight,
        max_restarts=max_restarts,
        environment=environment,
    )


def run_phase(
    stage: type, work: object, shards: Sequence[Shard], pool: Pool
) -> Iterator[ShardStats]:
    """Runs `stage` over `shards`; yields what it did for each as soon as it is committed.

    Args:
        stage: takes a batch of shards and returns `ShardStats` as columns.
        work: the stage's argument.
        shards: what is still to do.
        pool: replicas and their resources.

    Raises:
        TteError: what a stage raised.
        RuntimeFailure: Ray gave up on it.
    """
    import ray

    if not shards:
        return
    replicas = min(pool.replicas, len(shards))
    data = ray.data.from_items(shard_rows(shards), override_num_blocks=len(shards))
    done = data.map_batches(
        stage,
        fn_constructor_args=(work,),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(
            size=replicas,
            max_tasks_in_flight_per_actor=pool.in_flight,
            max_concurrent_calls_per_actor=pool.in_flight,
        ),
        num_cpus=pool.num_cpus,
        num_gpus=pool.num_gpus or None,
        max_restarts=pool.max_restarts,
        max_task_retries=pool.max_restarts,
        runtime_env={"env_vars": dict(pool.environment)},
    )
    try:
        for row in done.iter_rows():
            yield _stats(row)
    except ray.exceptions.RayError as error:
        raise _ours(error) from error


def _stats(row: Mapping[str, Any]) -> ShardStats:
    import json

    return ShardStats(**{**row, "classes": json.loads(row["classes"])})


def _ours(error: BaseException) -> TteError:
    """The typed error that Ray wrapped, however deep; otherwise a RuntimeFailure."""
    seen: BaseException | None = error
    while seen is not None:
        cause = getattr(seen, "cause", None)
        for candidate in (seen, cause):
            if isinstance(candidate, TteError):
                return candidate
        seen = cause if isinstance(cause, BaseException) else seen.__cause__
    first = str(error).strip().split("\n")
    return RuntimeFailure(f"a stage failed for good: {first[0][:300]} … {first[-1][:300]}")
