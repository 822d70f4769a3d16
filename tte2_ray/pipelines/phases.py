"""A phase: the shards that are not yet done, spread by Ray Data over the replicas of a stage."""

import inspect
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.shards import Shard
from tte2_ray.engines import EngineConfig
from tte2_ray.engines.vllm_input import QUIET
from tte2_ray.errors import RuntimeFailure
from tte2_ray.media.aws import aws_environment
from tte2_ray.pipelines.config import RayConfig
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.telling import failure_in, telling
from tte2_ray.stages.work import counts_of, shard_rows

if TYPE_CHECKING:
    from ray.data import Dataset

_CALLS, _CALLS_A_REPLICA = 512, 64
"""Into how many calls a phase is cut at most; for many replicas in proportion."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """How a stage is spread: fixed pools, so that no autoscaler decides in the middle of a job."""

    replicas: int
    num_cpus: float
    num_gpus: float
    in_flight: int
    """Shards that a replica works on at once."""
    max_restarts: int
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the workers' processes; Ray logs and shows them."""
    credentials: Mapping[str, str] = field(default_factory=aws_environment, repr=False)
    """Further ones, of which it knows nothing."""
    stall_s: float = 0.0
    """Seconds in which no shard comes through until the phase is ended; 0 waits for ever."""


def engine_pool(engine: EngineConfig, ray: RayConfig) -> Pool:
    """The pool of a stage that holds an engine."""
    environment = dict(QUIET)
    if not engine.num_gpus:
        environment["OMP_NUM_THREADS"] = str(engine.threads)
    return Pool(
        replicas=engine.replicas,
        num_cpus=engine.num_cpus,
        num_gpus=engine.num_gpus,
        in_flight=engine.shards_in_flight,
        max_restarts=ray.max_restarts,
        environment=environment,
        stall_s=ray.stall_s,
    )


def run_phase(stage: type, work: object, shards: Sequence[Shard], pool: Pool) -> Iterator[Counts]:
    """Runs `stage` over `shards`; yields what it did for each as soon as it is committed.

    Args:
        stage: takes a batch of shards and returns their `Counts` as columns.
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
    try:
        for row in _rows(_spread(stage, work, shards, pool)):
            if failure := failure_in(row):
                raise failure
            yield counts_of(row)
    except ray.exceptions.RayActorError as error:
        raise _lost(stage, pool) from error
    except ray.exceptions.RayError as error:
        raise RuntimeFailure(f"Ray gave up on {stage.__name__}: {_last_line(error)}") from error


def end_running() -> None:
    """Ends what Ray Data is at in this process, and its workers.

    Its threads would go on asking a Ray that the driver is about to leave, which ended the process
    by a signal once in a while.
    """
    # A data set hands its executor out with its first rows, and here none has come.
    from ray.data._internal.execution.streaming_executor import StreamingExecutor

    for thread in threading.enumerate():
        if isinstance(thread, StreamingExecutor):
            thread.shutdown(force=True)


def _rows(data: "Dataset") -> Iterator[dict[str, Any]]:
    """The rows as they come: `iter_rows` keeps each back until there is another."""
    tables: Iterable[Any] = data.iter_batches(
        batch_size=None, batch_format="pyarrow", prefetch_batches=0
    )
    for table in tables:
        yield from table.to_pylist()


def _spread(stage: type, work: object, shards: Sequence[Shard], pool: Pool) -> "Dataset":
    import ray

    strategy = ray.data.ActorPoolStrategy(
        size=min(pool.replicas, len(shards)),
        max_tasks_in_flight_per_actor=pool.in_flight,
        max_concurrent_calls_per_actor=pool.in_flight,
    )
    calls = -(-len(shards) // shards_a_call(stage, len(shards), pool.replicas))
    data = ray.data.from_items(shard_rows(shards), override_num_blocks=calls)
    if not inspect.iscoroutinefunction(stage.__call__):
        # What a stage yields is told at once; Ray would keep it until there are 128 MiB.
        data.context.target_max_block_size = 1
    with warnings.catch_warnings():
        # Ray 2.60 deprecates max_restarts without naming another way to bound restarts (default:
        # for ever), and will take it until 2.64: an engine that dies of its input must end the job.
        warnings.filterwarnings("ignore", message="`ray_remote_args` is deprecated")
        return data.map_batches(
            # Workers inherit Ray's environment, not the driver's.
            telling(stage, pool.credentials),
            fn_constructor_args=(work,),
            batch_size=None,  # a block a call
            compute=strategy,
            num_cpus=pool.num_cpus,
            num_gpus=pool.num_gpus or None,
            runtime_env={"env_vars": dict(pool.environment)},
            max_restarts=pool.max_restarts,
            # Without bound: until Ray has noticed that a node is gone, a call is tried there again
            # every second. What ends a job is that its workers died too often.
            max_task_retries=-1,
        )


def shards_a_call(stage: type, shards: int, replicas: int) -> int:
    """How many shards a stage is handed at once.

    One, so that each is told of as soon as it is committed; more where a phase has thousands, since
    Ray keeps about 9 KB on the driver for each call; more where the stage asks for it by its own
    `shards_a_call`, as long as there are enough for each replica.

    Args:
        stage: of the phase.
        shards: to do.
        replicas: that share them.

    >>> [shards_a_call(object, *given) for given in ((100, 1), (5000, 1), (5000, 64))]
    [1, 10, 2]
    """
    few_calls = -(-shards // max(_CALLS, _CALLS_A_REPLICA * replicas))
    asked = min(getattr(stage, "shards_a_call", 1), -(-shards // replicas))
    return int(max(few_calls, asked))


def _last_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[-1][:300]


def _lost(stage: type, pool: Pool) -> RuntimeFailure:
    return RuntimeFailure(
        f"workers of {stage.__name__} died more than {pool.max_restarts} times (ray.max_restarts); "
        "what they said last stands above. What is done stays done: the same command goes on from "
        "here"
    )
