import socket
import time
from collections.abc import Iterator

import pytest

from tte2_ray.errors import PrerequisiteError, ResourceMissingError, RuntimeFailure
from tte2_ray.milvus.client import Verdict, as_typed, classify, connect, typed_errors
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.searcher import Searcher


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_closed_port_is_a_clear_error_within_seconds() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(PrerequisiteError, match=rf"127\.0\.0\.1:{port}.*[Ss]tart the server"):
        connect(MilvusConfig(uri=f"http://127.0.0.1:{port}", connect_timeout_s=2.0))
    assert time.monotonic() - started < 20


def test_a_silent_server_is_a_clear_error_within_seconds(silent_port: int) -> None:
    started = time.monotonic()
    with pytest.raises(PrerequisiteError, match="no answer"):
        connect(MilvusConfig(uri=f"http://127.0.0.1:{silent_port}", connect_timeout_s=1.0))
    assert time.monotonic() - started < 20


def test_a_missing_collection_is_a_missing_resource(config: MilvusConfig) -> None:
    with pytest.raises(ResourceMissingError, match="no_such"):
        Searcher(config).count("no_such")


def test_a_server_that_never_answered_is_missing_and_one_that_did_has_failed() -> None:
    status = pytest.importorskip("grpc").StatusCode
    from pymilvus.exceptions import MilvusException

    gone = MilvusException(status.UNAVAILABLE, "connection reset")
    assert as_typed(gone, "connect", first=True).exit_code == 3
    assert as_typed(gone, "flush films__v2").exit_code == 6
    with pytest.raises(RuntimeFailure, match="went away"), typed_errors("count films__v2"):
        raise gone


def test_errors_are_sorted_by_what_they_ask_for() -> None:
    status = pytest.importorskip("grpc").StatusCode
    from pymilvus.exceptions import MilvusException

    assert classify(MilvusException(9, "deny to write")) is Verdict.SLOW_DOWN
    assert classify(MilvusException(8, "request is rejected")) is Verdict.SLOW_DOWN
    assert classify(MilvusException(1, "x", compatible_code=53)) is Verdict.SLOW_DOWN
    assert classify(MilvusException(1, "Rate limit exceeded[rate=0.1]")) is Verdict.SLOW_DOWN
    assert classify(MilvusException(status.UNAVAILABLE, "gone")) is Verdict.TRANSIENT
    assert classify(MilvusException(2, "Fail connecting to server")) is Verdict.TRANSIENT
    assert classify(MilvusException(6, "illegal argument")) is Verdict.FATAL


def test_what_threads_cannot_find_out_together_is_known_once_there_is_a_client(
    config: MilvusConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pymilvus.client.utils import SciPyHelper

    monkeypatch.setattr(SciPyHelper, "_checked", False)
    connect(config).close()
    assert SciPyHelper._checked
