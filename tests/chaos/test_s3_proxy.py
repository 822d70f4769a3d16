"""The proxy does to S3 what its rules say, and to nothing else."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from tests.chaos.conftest import client
from tests.chaos.s3_proxy import RemoteS3Proxy, S3Proxy
from tests.chaos.s3_rules import ANSWERS, Rule

BODY = bytes(range(256)) * 400
ROOT = Path(__file__).parent.parent.parent
Recorded = tuple[str, list[tuple[str, str, dict[str, str], bytes]]]
Stored = Callable[[str], bytes | None]


@pytest.fixture
def stored(moto: str, bucket: str) -> Stored:
    """What the server itself has under a key."""

    def read(key: str) -> bytes | None:
        found = client(moto).list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", ())
        if not found:
            return None
        return bytes(client(moto).get_object(Bucket=bucket, Key=key)["Body"].read())

    return read


def test_a_signed_request_arrives_as_it_was_sent(recorder: Recorded) -> None:
    url, arrived = recorder
    sent: dict[str, Any] = {}
    with S3Proxy(url) as proxy:
        s3 = client(proxy.url)
        s3.meta.events.register("before-send.s3", lambda request, **_: sent.update(seen=request))
        s3.put_object(Bucket="bucket", Key="a b/ü+", Body=BODY, Metadata={"writer": "x"})
    (method, target, headers, body) = arrived[0]
    assert (method, body) == ("PUT", BODY)
    assert target == urlsplit(sent["seen"].url).path == "/bucket/a%20b/%C3%BC%2B"
    assert headers["Host"] == urlsplit(proxy.url).netloc, "the signature covers it"
    as_sent = {name.lower(): value for name, value in headers.items()}
    for name, value in sent["seen"].headers.items():
        text = value.decode() if isinstance(value, bytes) else value
        assert as_sent.get(name.lower(), "no") == text or name.lower() == "expect"
    assert "Signature=" in headers["Authorization"]


def test_answers_pass_as_they_came(moto: str, bucket: str) -> None:
    with S3Proxy(moto) as proxy:
        straight, through = client(moto), client(proxy.url)
        through.put_object(Bucket=bucket, Key="a/ü 1", Body=BODY, Metadata={"writer": "me"})
        through.put_object(Bucket=bucket, Key="empty", Body=b"")
        for s3 in (straight, through):
            head = s3.head_object(Bucket=bucket, Key="a/ü 1")
            assert (head["ContentLength"], head["Metadata"]) == (len(BODY), {"writer": "me"})
            part = s3.get_object(Bucket=bucket, Key="a/ü 1", Range="bytes=10-19")
            assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
            assert part["Body"].read() == BODY[10:20]
            assert s3.get_object(Bucket=bucket, Key="empty")["Body"].read() == b""
            listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
            assert [each["Key"] for each in listed] == ["a/ü 1", "empty"]
            with pytest.raises(ClientError, match="NoSuchKey"):
                s3.get_object(Bucket=bucket, Key="none")
            with pytest.raises(ClientError, match="PreconditionFailed"):
                s3.put_object(Bucket=bucket, Key="empty", Body=b"1", IfNoneMatch="*")
        through.delete_object(Bucket=bucket, Key="empty")
        assert proxy.counts() == {}
        assert proxy.seen() == 9


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        ("cut_before", None),
        ("half_write", None),
        ("black_hole", None),
        ("outage", None),
        ("cut_after", BODY),
        ("hang_after", BODY),
    ],
)
def test_a_cut_put_was_done_or_not(
    moto: str, bucket: str, stored: Stored, kind: str, left: bytes | None
) -> None:
    with S3Proxy(moto, [Rule(kind=kind)]) as proxy:
        with pytest.raises(HTTPClientError):
            client(proxy.url).put_object(Bucket=bucket, Key="k", Body=BODY)
        assert proxy.counts() == {kind: 1}
        assert [(each["operation"], each["key"]) for each in proxy.log()] == [("PUT", "k")]
    assert stored("k") == left


@pytest.mark.parametrize("size", [1, 3, 10_000_000])
def test_half_of_a_body_of_any_size_leaves_nothing(
    moto: str, bucket: str, stored: Stored, size: int
) -> None:
    client(moto).put_object(Bucket=bucket, Key="old", Body=b"old")
    with S3Proxy(moto, [Rule(kind="half_write")]) as proxy:
        for key in ("new", "old"):
            with pytest.raises(HTTPClientError):
                client(proxy.url).put_object(Bucket=bucket, Key=key, Body=b"y" * size)
    assert stored("new") is None
    assert stored("old") == b"old"


def test_a_client_that_dies_while_it_writes_leaves_nothing(
    moto: str, bucket: str, stored: Stored
) -> None:
    with S3Proxy(moto) as proxy:
        with socket.create_connection(("127.0.0.1", urlsplit(proxy.url).port)) as dying:
            head = f"PUT /{bucket}/k HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
            dying.sendall(head.encode() + b"x" * 50)
            dying.shutdown(socket.SHUT_WR)
            assert dying.recv(1) == b""
        assert proxy.seen() == 0
    assert stored("k") is None


@pytest.mark.parametrize("kind", sorted(ANSWERS))
def test_an_answer_of_s3_is_parsed_as_one(
    moto: str, bucket: str, stored: Stored, kind: str
) -> None:
    status, code, _ = ANSWERS[kind]
    with S3Proxy(moto, [Rule(kind=kind)]) as proxy:
        s3 = client(proxy.url)
        with pytest.raises(ClientError) as caught:
            s3.put_object(Bucket=bucket, Key="k", Body=BODY)
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
        with pytest.raises(ClientError, match=str(status)):
            s3.head_object(Bucket=bucket, Key="k")
    assert stored("k") == (BODY if kind.endswith("_after") else None)


@pytest.mark.parametrize(("kind", "came"), [("cut_body", 51_200), ("long_length", 102_400)])
def test_a_body_that_is_shorter_than_was_said(moto: str, bucket: str, kind: str, came: int) -> None:
    client(moto).put_object(Bucket=bucket, Key="k", Body=BODY)
    with S3Proxy(moto, [Rule(kind=kind)]) as proxy:
        found = client(proxy.url).get_object(Bucket=bucket, Key="k")
        assert len(found["Body"]._raw_stream.read(1 << 20)) == came


def test_a_length_that_is_too_short_hides_the_end(moto: str, bucket: str) -> None:
    client(moto).put_object(Bucket=bucket, Key="k", Body=BODY)
    with S3Proxy(moto, [Rule(kind="short_length")]) as proxy:
        found = client(proxy.url).get_object(Bucket=bucket, Key="k")
        assert found["Body"]._raw_stream.read() == BODY[:-1]


def test_a_request_that_arrives_twice(recorder: Recorded) -> None:
    url, arrived = recorder
    with S3Proxy(url, [Rule(kind="duplicate", times=1)]) as proxy:
        client(proxy.url).put_object(Bucket="bucket", Key="k", Body=BODY)
        client(proxy.url).put_object(Bucket="bucket", Key="k", Body=BODY)
    assert [body for *_, body in arrived] == [BODY] * 3


@pytest.mark.parametrize("kind", ["delay", "trickle"])
def test_a_slow_answer_is_whole(moto: str, bucket: str, kind: str) -> None:
    client(moto).put_object(Bucket=bucket, Key="k", Body=BODY)
    with S3Proxy(moto, [Rule(kind=kind, seconds=0.4)]) as proxy:
        began = time.monotonic()
        assert client(proxy.url).get_object(Bucket=bucket, Key="k")["Body"].read() == BODY
        assert 0.35 < time.monotonic() - began < 10


def test_while_it_is_out_connections_are_refused(moto: str, bucket: str) -> None:
    with S3Proxy(moto) as proxy:
        port = urlsplit(proxy.url).port
        kept_open = HTTPConnection("127.0.0.1", port, timeout=10)
        kept_open.request("GET", f"/{bucket}")
        kept_open.getresponse().read()
        proxy.refuse_for(3)
        assert kept_open.sock.recv(1) == b"", "what was open is cut"
        kept_open.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        time.sleep(3.3)
        assert client(proxy.url).list_objects_v2(Bucket=bucket)["KeyCount"] == 0
        proxy.refuse_for(60)
        time.sleep(0.3)
        with pytest.raises(EndpointConnectionError):
            client(proxy.url).list_objects_v2(Bucket=bucket)
        proxy.come_back()
        assert client(proxy.url).list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_another_process_sets_the_faults_and_reads_what_they_did(moto: str, bucket: str) -> None:
    faults = json.dumps([{"kind": "slow_down", "operation": "PUT", "times": 1}])
    command = [sys.executable, "-m", "tests.chaos.s3_proxy", "--target", moto, "--faults", faults]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        _, url, _, control = process.stdout.readline().split()
        remote, s3 = RemoteS3Proxy(control), client(url)
        with pytest.raises(ClientError, match="SlowDown"):
            s3.put_object(Bucket=bucket, Key="k", Body=BODY)
        s3.put_object(Bucket=bucket, Key="k", Body=BODY)
        remote.set(Rule(kind="error_500", operation="GET"))
        with pytest.raises(ClientError, match="InternalError"):
            s3.get_object(Bucket=bucket, Key="k")
        assert remote.counts() == {"slow_down": 1, "error_500": 1}
        assert [each["key"] for each in remote.log()] == ["k", "k"]
        assert remote.seen() == 3
        with pytest.raises(HTTPError, match="400"):
            urlopen(Request(control, b'[{"kind": "earthquake"}]', method="PUT"), timeout=10)
        process.send_signal(signal.SIGTERM)
        assert json.loads(process.stdout.read()) == {"slow_down": 1, "error_500": 1}
        assert process.wait(timeout=10) == 0
