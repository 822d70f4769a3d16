"""One store on disk and one on a real S3 protocol: the same tests run on both."""

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from moto.server import ThreadedMotoServer

from tte2_ray.artifacts import s3
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.media.aws import _client
from tte2_ray.schema import Item

if TYPE_CHECKING:
    from tests.artifacts.faulty import Faulty
    from tests.chaos.s3_proxy import S3Proxy

BUCKET = "artifacts-test"


def items_of(count: int, **fields: Any) -> list[Item]:
    """Items with the ids "0", "1", …"""
    return [Item(**{"item_id": str(n), "text": f"text {n}", **fields}) for n in range(count)]


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A moto server on a free port, with one bucket, in the standard AWS environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    import botocore.session

    botocore.session.Session().create_client("s3").create_bucket(Bucket=BUCKET)
    yield settings["AWS_ENDPOINT_URL"]
    server.stop()
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


@pytest.fixture
def disk_store(tmp_path: Path) -> Store:
    """An empty store in a folder that does not exist yet."""
    return open_store(str(tmp_path / "store"))


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each kind."""
    if request.param == "disk":
        return open_store(str(tmp_path / "store"))
    request.getfixturevalue("s3_endpoint")
    return open_store(f"s3://{BUCKET}/{uuid.uuid4().hex}")


@pytest.fixture
def odd_key(s3_endpoint: str) -> tuple[Store, Callable[[str, bytes], None]]:
    """A folder on S3, and what puts objects there under names that the store itself refuses."""
    import botocore.session

    prefix = uuid.uuid4().hex
    client = botocore.session.Session().create_client("s3")
    return open_store(f"s3://{BUCKET}/{prefix}"), lambda key, data: client.put_object(
        Bucket=BUCKET, Key=f"{prefix}/{key}", Body=data
    )


@pytest.fixture
def in_seconds() -> Iterator[None]:
    """Fails a test that waits, as who opens a pipe does for its other end."""

    def fail(*_: object) -> None:
        raise AssertionError("it waited")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def s3_proxy(s3_endpoint: str) -> Iterator["S3Proxy"]:
    """One proxy, so that one client serves all tests: making it takes longer than a test."""
    from tests.chaos.s3_proxy import S3Proxy

    with S3Proxy(s3_endpoint) as proxy:
        yield proxy


@pytest.fixture
def faulty(
    s3_endpoint: str, s3_proxy: "S3Proxy", monkeypatch: pytest.MonkeyPatch
) -> Iterator["Faulty"]:
    """A store whose requests pass a proxy, without faults yet, and with little patience: what hangs
    is given up after half a second."""
    from botocore import endpoint

    from tests.artifacts.faulty import Faulty, Waits

    waits = Waits()
    monkeypatch.setattr(endpoint, "time", waits)
    monkeypatch.setattr(s3, "time", waits)
    monkeypatch.setattr(s3, "_PATIENT", replace(s3._PATIENT, read_timeout_s=0.5))
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_proxy.url)
    s3_proxy.rules.begin(seed=0)
    yield Faulty(open_store(f"s3://{BUCKET}/{uuid.uuid4().hex}"), s3_proxy, s3_endpoint, waits)
    s3_proxy.set()


@pytest.fixture
def fresh_client() -> None:
    """One whose quota of retries is whole: a hundred, of which a success gives one back."""
    _client.cache_clear()
