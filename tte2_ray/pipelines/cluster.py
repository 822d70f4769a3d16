"""Ray for a job: join the cluster that it was submitted to, or start one here."""

import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tte2_ray.errors import ConfigError, PrerequisiteError
from tte2_ray.pipelines.config import RayConfig

_STARTS = 2
"""Ray gives its own processes 30 s to start, which a busy machine may exceed once."""
_ANSWER_TIMEOUT_S = 3.0
_HERE = ("", "local")
"""What Ray takes for an address of a cluster that it starts itself."""


def runs_in_a_copy() -> bool:
    """Whether this is a submitted job that Ray runs in its own copy of a working directory.

    Ray removes the copy some time after the job, and the next job has another.
    """
    job = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR") or "{}")
    return bool((job.get("runtime_env") or {}).get("working_dir"))


def require_answer(config: RayConfig) -> None:
    """Sees within seconds that a cluster which is to be joined is there; joins nothing.

    Raises:
        ConfigError: the address is none of a cluster.
        PrerequisiteError: nothing answers there.
    """
    if not joins(config):
        return
    address = _address(config)
    try:
        socket.create_connection(_host_and_port(address), timeout=_ANSWER_TIMEOUT_S).close()
    except OSError as error:
        raise _no_answer(address, error) from error


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
    joined = joins(config)
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
    from ray.exceptions import AuthenticationError

    at = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
    try:
        ray.init(address=address, log_to_driver=True, logging_level=logging.ERROR)
    except AuthenticationError as error:
        raise PrerequisiteError(
            f"the Ray at {at} refuses this job: {error} Set RAY_AUTH_MODE=token and the cluster's "
            "token (RAY_AUTH_TOKEN, or ~/.ray/auth_token)"
        ) from error
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_answer(at, error) from error


def joins(config: RayConfig) -> bool:
    """Whether a cluster that runs elsewhere is joined, and none started here."""
    submitted = "auto" if os.environ.get("RAY_JOB_ID") else ""
    return (config.address or os.environ.get("RAY_ADDRESS") or submitted) not in _HERE


def _address(config: RayConfig) -> str:
    address = config.address or "auto"
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or "auto"
    if address != "auto":
        return address
    # What `ray.init` itself asks; no public function tells it without joining.
    from ray._private.services import canonicalize_bootstrap_address

    try:
        return canonicalize_bootstrap_address("auto") or "auto"
    except ConnectionError as error:
        raise _no_answer("auto", error) from error


def _host_and_port(address: str) -> tuple[str, int]:
    scheme, separator, place = address.rpartition("://")
    try:
        parts = urlsplit(f"//{place}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port or (separator and scheme != "ray"):
        raise ConfigError(
            f"Ray address {address!r} (ray.address, RAY_ADDRESS) is not host:port, "
            "ray://host:port or auto; http:// is where `ray job submit` sends jobs to"
        )
    return host, port


def _no_answer(address: str, error: Exception) -> PrerequisiteError:
    return PrerequisiteError(
        f"no Ray answers at {address}: {error}; start one with `ray start --head`, correct "
        "ray.address, or leave it (and RAY_ADDRESS) empty to start one here"
    )


def _start(config: RayConfig) -> None:
    import ray

    for attempt in range(1, _STARTS + 1):
        try:
            # Without an address Ray would join what `ray start` left word of on this machine.
            ray.init(
                address="local",
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
