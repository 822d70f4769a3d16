"""Connect to Milvus, and turn what pymilvus raises into the errors of this system."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING

from tte2_ray.errors import (
    ConfigError,
    PrerequisiteError,
    ResourceMissingError,
    RuntimeFailure,
    TteError,
)
from tte2_ray.milvus.config import MilvusConfig

if TYPE_CHECKING:
    from pymilvus import MilvusClient

_SLOW_DOWN_CODES = {8, 9}  # RateLimit and ForceDeny
_OLD_SLOW_DOWN_CODES = {49, 53}
"""The same in the older of the two numbers of an error, where 8 and 9 mean something else."""
_SLOW_DOWN_WORDS = ("rate limit", "force deny", "quota exceeded", "deny to write")
_CONNECT_FAILED = 2
_NOT_FOUND = 100
_GOING_WORDS = (
    "empty grpc client", "connection refused", "connection is closing", "service not ready",
    "node not match", "node not found",
)  # fmt: skip
"""What a server that ends or starts says of its own services, under the number of any error."""
_TRANSIENT_STATUS = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "CANCELLED"}
_REFUSED_STATUS = {"UNAUTHENTICATED", "PERMISSION_DENIED"}
_REFUSED_WORDS = ("auth check failure", "unauthenticated", "permission_denied", "permission deny")

# pymilvus pings an idle server every 10 s; gRPC servers end such a connection ("too_many_pings")
# after some minutes of a phase that does not talk to Milvus. 5 minutes is what they accept.
_SELDOM_PING = {
    "grpc.keepalive_time_ms": 300_000,
    "grpc.keepalive_permit_without_calls": False,
}


_LOOKING = Lock()


class Verdict(StrEnum):
    """What a failed request asks of its sender."""

    SLOW_DOWN = "slow_down"
    TRANSIENT = "transient"
    FATAL = "fatal"


def connect(config: MilvusConfig) -> "MilvusClient":
    """A client of the server at `config.uri` (see `server.resolve` for the embedded one).

    Raises:
        PrerequisiteError: pymilvus is missing, or no server answers within `connect_timeout_s`.
        ConfigError: the server refuses the token.
    """
    try:
        from pymilvus import MilvusClient
        from pymilvus.client.utils import SciPyHelper
    except ImportError as error:
        raise PrerequisiteError("pymilvus is not installed: run `make setup`.") from error
    # With its first vector pymilvus runs scipy.sparse again to see what it has; where two threads
    # do, one finds it half imported, and its search fails with KeyError('scipy.sparse').
    with _LOOKING:
        SciPyHelper.is_scipy_sparse(None)
    # pymilvus logs a traceback for each error that it also raises; ours reach the reader once.
    for name in ("pymilvus.decorators", "pymilvus.client.connection_manager"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with typed_errors(f"connect to Milvus at {config.uri}", first=True):
        return MilvusClient(
            config.uri,
            token=config.token,
            timeout=config.connect_timeout_s,
            grpc_options=_SELDOM_PING,
        )


def request_errors() -> tuple[type[Exception], ...]:
    """What pymilvus raises for a failed request: its own errors, and some of gRPC's unwrapped."""
    return (
        import_module("pymilvus.exceptions").MilvusException,
        import_module("grpc").RpcError,
    )


def classify(error: Exception) -> Verdict:
    """Whether a request that failed so is sent again slower, sent again, or given up."""
    code, old = _number(getattr(error, "code", None)), _number(_compatible_code(error))
    text = _text(error).lower()
    denied = code in _SLOW_DOWN_CODES or old in _OLD_SLOW_DOWN_CODES
    if denied or any(word in text for word in _SLOW_DOWN_WORDS):
        return Verdict.SLOW_DOWN
    away = _CONNECT_FAILED in (code, old) or status_name(error) in _TRANSIENT_STATUS
    if away or any(word in text for word in _GOING_WORDS):
        return Verdict.TRANSIENT
    return Verdict.FATAL


@contextmanager
def typed_errors(doing: str, *, first: bool = False) -> Iterator[None]:
    """Raise the errors of pymilvus and gRPC as ours.

    Args:
        doing: what was tried and where, e.g. "search films__v2"; the message starts with it.
        first: the server has not answered yet, so that it may never have been there.
    """
    try:
        yield
    except request_errors() as error:
        raise as_typed(error, doing, first=first) from error


def as_typed(error: Exception, doing: str, *, first: bool = False) -> TteError:
    """The error of this system that says what `error` says."""
    text = _text(error)
    if refusal := _refusal(error):
        return ConfigError(f"Cannot {doing}: the server refuses milvus.token ({refusal}).")
    transient = classify(error) is Verdict.TRANSIENT
    if transient and first:
        return PrerequisiteError(
            f"Cannot {doing}: no answer ({text}). Start the server or correct milvus.uri; "
            "milvus.uri='' uses the embedded one."
        )
    if transient:
        return RuntimeFailure(
            f"Cannot {doing}: Milvus went away ({text}). Bring it back and run the same command "
            "again."
        )
    if _number(getattr(error, "code", None)) == _NOT_FOUND:
        return ResourceMissingError(f"Cannot {doing}: {text}.")
    return RuntimeFailure(f"Cannot {doing}: {text}")


def _refusal(error: BaseException | None) -> str:
    """Why the server refuses who asks; "" where it does not."""
    # pymilvus says of a refused connection that it failed; a cause of that says why. It also raises
    # errors from themselves.
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        text = _text(error)
        if status_name(error) in _REFUSED_STATUS or any(w in text.lower() for w in _REFUSED_WORDS):
            return text
        seen.append(error)
        error = error.__cause__
    return ""


def _number(code: object) -> int | None:
    return code if isinstance(code, int) else None


def _compatible_code(error: Exception) -> object:
    return getattr(error, "compatible_code", None)


def status_name(error: BaseException) -> str:
    """The gRPC status, or "": pymilvus keeps it as a code, gRPC's own error behind a method."""
    code = getattr(error, "code", None)
    status = code() if callable(code) else code
    return str(getattr(status, "name", ""))


def _text(error: BaseException) -> str:
    details = getattr(error, "details", None)
    message = getattr(error, "message", None) or (details() if callable(details) else "")
    return " ".join(str(message or error).split())
