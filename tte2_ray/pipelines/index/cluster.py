"""Ray for a job: join the cluster that it was submitted to, or start one here."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from tte2_ray.errors import PrerequisiteError
from tte2_ray.pipelines.index.config import RayConfig


@contextmanager
def cluster(config: RayConfig) -> Iterator[None]:
    """Ray, connected for as long as the context lasts; a connection that is there is left alone.

    Raises:
        PrerequisiteError: no cluster answers at the address.
    """
    import ray

    if ray.is_initialized():
        _quiet()
        yield
        return
    # Ray Data's own bars would fight with ours for the terminal.
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    submitted = bool(os.environ.get("RAY_ADDRESS") or os.environ.get("RAY_JOB_ID"))
    try:
        if config.address or submitted:
            ray.init(
                address=config.address or "auto", log_to_driver=True, logging_level=logging.ERROR
            )
        else:
            ray.init(
                num_cpus=config.local_cpus,
                object_store_memory=config.object_store_mb * 1024 * 1024,
                include_dashboard=False,
                logging_level=logging.ERROR,
                log_to_driver=True,
            )
    except (ConnectionError, RuntimeError, ValueError) as error:
        at = config.address or os.environ.get("RAY_ADDRESS", "this machine")
        raise PrerequisiteError(f"no Ray at {at}: {error}; start one with `ray start`") from error
    _quiet()
    try:
        yield
    finally:
        ray.shutdown()


def _quiet() -> None:
    from ray.data import DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
