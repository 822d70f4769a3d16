"""Media on an S3 that fails: the whole object, or the right error, within a bounded time."""

import os
import time
from collections.abc import Iterator

import botocore.session
import pytest
from moto.server import ThreadedMotoServer

from tests.chaos.s3_proxy import S3Proxy
from tests.chaos.s3_rules import Rule
from tte2_ray.errors import PrerequisiteError, RowError, RowErrorClass
from tte2_ray.media.fetch import fetch
from tte2_ray.media.limits import MediaLimits

BUCKET, BODY = "media-faults", os.urandom(300_000)
LIMITS = MediaLimits(timeout_s=1.0, fetch_attempts=3)
URI = f"s3://{BUCKET}/a/picture.png"
WITHOUT_CHECKSUM = f"s3://{BUCKET}/a/older.png"


@pytest.fixture(scope="module")
def served() -> Iterator[S3Proxy]:
    """A proxy before a server with one object that carries a checksum, and one that does not."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    from botocore.config import Config

    older = Config(request_checksum_calculation="when_required")
    for uri, config in ((URI, None), (WITHOUT_CHECKSUM, older)):
        s3 = botocore.session.Session().create_client("s3", endpoint_url=endpoint, config=config)
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=uri.partition(f"{BUCKET}/")[2], Body=BODY)
    with S3Proxy(endpoint) as proxy:
        yield proxy
    server.stop()


@pytest.fixture
def proxy(served: S3Proxy, monkeypatch: pytest.MonkeyPatch) -> S3Proxy:
    """The same, where the environment looks for S3; nothing is disturbed yet."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
    served.rules.begin(seed=0)
    return served


def refused() -> RowError:
    with pytest.raises(RowError) as caught:
        fetch(URI, LIMITS)
    return caught.value


@pytest.mark.parametrize("uri", [URI, WITHOUT_CHECKSUM])
@pytest.mark.parametrize(
    "kind",
    ["delay", "cut_before", "cut_after", "cut_body", "long_length", "error_500", "slow_down",
     "request_timeout", "black_hole", "trickle"],
)  # fmt: skip
def test_what_passes_is_asked_again(proxy: S3Proxy, uri: str, kind: str) -> None:
    proxy.set(Rule(kind=kind, times=1, seconds=0.1 if kind == "delay" else 3.0))
    assert fetch(uri, LIMITS) == BODY
    assert proxy.counts() == {kind: 1}


def test_what_was_cut_unseen_is_told_by_its_checksum(proxy: S3Proxy) -> None:
    proxy.set(Rule(kind="short_length", times=2))
    assert fetch(URI, LIMITS) == BODY
    assert proxy.counts() == {"short_length": 2}


@pytest.mark.parametrize("kind", ["cut_before", "error_500", "slow_down", "cut_body"])
def test_what_stays_costs_the_row(proxy: S3Proxy, kind: str) -> None:
    proxy.set(Rule(kind=kind))
    error = refused()
    assert error.error_class is RowErrorClass.FETCH_FAILED
    assert error.message.startswith(URI)
    asked = LIMITS.fetch_attempts * (1 if kind == "cut_body" else 2)
    assert proxy.counts() == {kind: asked}


@pytest.mark.parametrize("kind", ["black_hole", "trickle"])
def test_a_server_that_hangs_costs_the_row_and_a_bounded_time(proxy: S3Proxy, kind: str) -> None:
    proxy.set(Rule(kind=kind, seconds=8.0))
    began = time.monotonic()
    assert refused().error_class is RowErrorClass.FETCH_FAILED
    requests = LIMITS.fetch_attempts * 2
    assert time.monotonic() - began < requests * LIMITS.timeout_s + 8


def test_an_object_that_is_refused_costs_its_row_at_once(proxy: S3Proxy) -> None:
    proxy.set(Rule(kind="access_denied"))
    error = refused()
    assert error.error_class is RowErrorClass.FETCH_FAILED
    assert "AccessDenied" in error.message
    assert proxy.counts() == {"access_denied": 1}


@pytest.mark.parametrize("kind", ["expired_token", "expired_token_400", "bad_key_id"])
def test_credentials_that_are_refused_cost_no_row_and_end_the_job(
    proxy: S3Proxy, kind: str
) -> None:
    proxy.set(Rule(kind=kind))
    with pytest.raises(PrerequisiteError, match=rf"{URI}.*check the AWS credentials"):
        fetch(URI, LIMITS)
    assert proxy.counts() == {kind: 1}


def test_credentials_that_there_are_none_of_end_the_job(
    proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    with pytest.raises(PrerequisiteError, match="check the AWS credentials"):
        fetch(URI, LIMITS)
    assert proxy.seen() == 0
