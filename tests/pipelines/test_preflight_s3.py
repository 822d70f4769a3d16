"""S3 that is not there, or refuses: one line, its exit code, within seconds, nothing written.

Seconds until what is wrong is said: 2 where a connection is refused, 7 where none comes about, 11
where no answer comes (each is asked twice), and what the machine needs besides; `Refuse` bounds it.
"""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import botocore.session
import pytest
from moto.server import ThreadedMotoServer

from tests.chaos.s3_proxy import S3Proxy
from tests.chaos.s3_rules import Rule
from tests.pipelines.refusing import Refuse

BUCKET = "preflight"
HANG_S = 120.0


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A moto server with one bucket; its URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    _client(f"http://{host}:{port}").create_bucket(Bucket=BUCKET)
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Proxy]:
    """A proxy before it, named by the environment; nothing is left in the bucket."""
    with S3Proxy(endpoint) as proxy:
        _aws(monkeypatch, proxy.url)
        yield proxy
    assert _client(endpoint).list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0, "nothing is written"


def _client(endpoint: str) -> Any:
    session = botocore.session.Session()
    session.set_credentials("test", "test")
    return session.create_client("s3", endpoint_url=endpoint)


def _aws(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("setting", ["store", "corpus.path"])
def test_a_missing_bucket(refuse: Refuse, setting: str) -> None:
    assert "the bucket does not exist" in refuse(4, f"{setting}=s3://no-such-bucket/x")


@pytest.mark.usefixtures("s3")
def test_a_corpus_that_is_not_in_its_bucket(refuse: Refuse) -> None:
    assert "no such file" in refuse(4, f"corpus.path=s3://{BUCKET}/nothing.parquet")


@pytest.mark.parametrize("setting", ["store", "corpus.path"])
def test_an_s3_server_that_is_down(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    _aws(monkeypatch, "http://127.0.0.1:1")
    assert "check AWS_ENDPOINT_URL" in refuse(3, f"{setting}=s3://{BUCKET}/x")


@pytest.mark.parametrize("kind", ["bad_key_id", "expired_token", "expired_token_400"])
@pytest.mark.parametrize("setting", ["store", "corpus.path"])
def test_wrong_credentials(refuse: Refuse, s3: S3Proxy, setting: str, kind: str) -> None:
    s3.set(Rule(kind=kind))
    said = refuse(3, f"{setting}=s3://{BUCKET}/x")
    assert ("ExpiredToken" if "expired" in kind else "InvalidAccessKeyId") in said
    assert "check the AWS credentials" in said
    assert s3.seen() <= 2, "it is not asked again"


def test_credentials_that_may_not_write(refuse: Refuse, s3: S3Proxy) -> None:
    s3.set(Rule(kind="access_denied", operation="PUT"))
    said = refuse(3, f"store=s3://{BUCKET}/x")
    assert "AccessDenied" in said
    assert "check the AWS credentials and what they may do" in said


@pytest.mark.parametrize(
    ("name", "told"),
    [("rows.jsonl", "choose a writable folder"), ("others.jsonl", "S3 refused")],
)
def test_who_may_read_the_corpus_need_not_list_its_bucket(
    refuse: Refuse, s3: S3Proxy, endpoint: str, name: str, told: str
) -> None:
    readable = {"Bucket": BUCKET, "Key": "films/rows.jsonl"}
    _client(endpoint).put_object(**readable, Body=b"{}\n")
    s3.set(Rule(kind="pass", operation="HEAD", key=readable["Key"]), Rule(kind="access_denied"))
    try:  # the store is looked at after the corpus
        said = refuse(3, f"corpus.path=s3://{BUCKET}/films/{name}", "store=/proc/nowhere")
    finally:
        _client(endpoint).delete_object(**readable)
    assert told in said


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials in the environment, nor in files."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", "/nowhere")


@pytest.mark.usefixtures("nobody")
def test_no_credentials(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert "AWS_ACCESS_KEY_ID" in refuse(3, f"store=s3://{BUCKET}/x")


def test_no_credentials_where_the_metadata_of_the_machine_hang(
    refuse: Refuse, s3: S3Proxy, nobody: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.set(Rule(kind="black_hole", seconds=HANG_S))
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", s3.url)
    assert "no S3 credentials were found" in refuse(3, f"store=s3://{BUCKET}/x")
    assert s3.log()[0]["key"].endswith("api/token"), "the machine was asked for a role"


def test_a_profile_that_nobody_knows(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "correct AWS_PROFILE" in refuse(3, "store=s3://bucket/x")


@pytest.mark.parametrize("setting", ["store", "corpus.path"])
def test_a_server_that_takes_connections_and_never_answers(
    refuse: Refuse, s3: S3Proxy, setting: str
) -> None:
    s3.set(Rule(kind="black_hole", seconds=HANG_S))
    said = refuse(3, f"{setting}=s3://{BUCKET}/x")
    assert f"{s3.url} does not answer as S3 does (ReadTimeoutError" in said
    assert "check AWS_ENDPOINT_URL" in said
    assert s3.seen() == 2


def test_a_server_that_takes_no_writes(refuse: Refuse, s3: S3Proxy) -> None:
    s3.set(Rule(kind="black_hole", operation="PUT", seconds=HANG_S))
    assert "does not answer as S3 does" in refuse(3, f"store=s3://{BUCKET}/x")


@pytest.mark.parametrize("kind", ["error_500", "slow_down", "cut_before"])
def test_a_server_that_is_not_well(refuse: Refuse, s3: S3Proxy, kind: str) -> None:
    s3.set(Rule(kind=kind))
    said = refuse(3, f"store=s3://{BUCKET}/x")
    assert "does not answer as S3 does" in said
    assert s3.counts() == {kind: 2}


@pytest.mark.parametrize(
    ("kind", "told"), [("overwrite", "this S3 server overwrites"), ("not_implemented", "cannot do")]
)
def test_a_server_without_conditional_writes(
    refuse: Refuse, s3: S3Proxy, kind: str, told: str
) -> None:
    s3.set(Rule(kind=kind, operation="PUT"))
    said = refuse(3, f"store=s3://{BUCKET}/x")
    assert told in said
    assert "If-None-Match" in said
    assert "with conditional writes" in said


class _NoS3(BaseHTTPRequestHandler):
    """Some web server, which answers a request for a listing with a page of its own."""

    status, page = 200, b""

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.page)))
        self.send_header("Location", "https://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(self.page)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.mark.parametrize(
    ("status", "page"),
    [
        (200, b"<html><body>welcome</body></html>"),
        (200, b"<!doctype html><p>welcome<br>"),
        (200, b""),
        (301, b""),
        (302, b"<?xml version='1.0'?><html>moved</html>"),
        (400, b"Client sent an HTTP request to an HTTPS server."),
        (404, b"<html><body>not found</body></html>"),
    ],
)
@pytest.mark.parametrize("setting", ["store", "corpus.path"])
def test_an_endpoint_that_is_no_s3(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch, setting: str, status: int, page: bytes
) -> None:
    handler = type("Bound", (_NoS3,), {"status": status, "page": page})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        _aws(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        said = refuse(3, f"{setting}=s3://{BUCKET}/x")
        server.shutdown()
    assert "as S3 does" in said
    assert "check AWS_ENDPOINT_URL" in said
