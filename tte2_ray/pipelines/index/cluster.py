"""Ray for a job: join the cluster that it was submitted to, or start one here."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tte2_ray.errors import PrerequisiteError
from tte2_ray.pipelines.index.config import RayConfig

_STARTS = 2
"""Ray gives its own processes 30 s to start, which a busy machine may exceed once."""


@contextmanager
def cluster(config: RayConfig) -> Iterator[bool]:
    """Ray, connected for as long as the context lasts; a connection that is there is left alone.

    Yields:
        Whether nodes may join it: one that was started here stays as it is.

    Raises:
        PrerequisiteError: no cluster answers at the address, or none starts here.
    """
    import ray

    if ray.is_initialized():
        _quiet()
        yield False
        return
    # Ray Data's own bars would fight with ours for the terminal.
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    submitted = bool(os.environ.get("RAY_ADDRESS") or os.environ.get("RAY_JOB_ID"))
    joined = bool(config.address) or submitted
    if joined:
        _join(config.address or "auto")
    else:
        _start(config)
    _quiet()
    try:
        yield joined
    finally:
        ray.shutdown()


def _join(address: str) -> None:
    import ray

    try:
        ray.init(address=address, log_to_driver=True, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        at = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
        raise PrerequisiteError(
            f"no Ray answers at {at}: {error}; start one with `ray start --head`, or leave "
            "ray.address empty"
        ) from error


def _start(config: RayConfig) -> None:
    import ray

    for attempt in range(1, _STARTS + 1):
        try:
            ray.init(
                num_cpus=config.local_cpus,
                object_store_memory=config.object_store_mb * 1024 * 1024,
                include_dashboard=False,
                logging_level=logging.ERROR,
                log_to_driver=True,
            )
        except Exception as error:
            ray.shutdown()
            if attempt == _STARTS:
                raise PrerequisiteError(
                    f"Ray does not start on this machine: {error} Is it busy, or short of memory?"
                ) from error
        else:
            return


def _quiet() -> None:
    from ray.data import DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
