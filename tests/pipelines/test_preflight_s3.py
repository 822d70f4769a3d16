"""S3 that is not there, or refuses: one line, its exit code, nothing half-written."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import botocore.session
import pytest
from moto.server import ThreadedMotoServer

from tests.pipelines.refusing import Refuse

BUCKET = "preflight"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A moto server with one bucket; its endpoint."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    _aws(monkeypatch, f"http://{host}:{port}")
    botocore.session.Session().create_client("s3").create_bucket(Bucket=BUCKET)
    yield f"http://{host}:{port}"
    server.stop()


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


class _Refusing(BaseHTTPRequestHandler):
    """S3's answer to wrong credentials: moto's server does not check them by default."""

    def _refuse(self) -> None:
        body = b"<Error><Code>InvalidAccessKeyId</Code><Message>unknown key</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_DELETE = _refuse

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.mark.parametrize("setting", ["store", "corpus.path"])
def test_wrong_credentials(refuse: Refuse, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Refusing)
    Thread(target=server.serve_forever, daemon=True).start()
    _aws(monkeypatch, f"http://127.0.0.1:{server.server_port}")
    try:
        said = refuse(3, f"{setting}=s3://{BUCKET}/x")
    finally:
        server.shutdown()
        server.server_close()
    assert "InvalidAccessKeyId" in said
    assert "check the AWS credentials" in said


class _OnlyReading(_Refusing):
    """S3's answers to who may read one object and list nothing."""

    readable = f"/{BUCKET}/films/rows.jsonl"

    def do_HEAD(self) -> None:
        if self.path != self.readable:
            self._refuse()
            return
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.send_header("ETag", '"e"')
        self.send_header("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT")
        self.end_headers()

    def do_GET(self) -> None:
        body = b"<Error><Code>AccessDenied</Code><Message>not for you</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize(
    ("name", "told"),
    [("rows.jsonl", "choose a writable folder"), ("others.jsonl", "S3 refused")],
)
def test_who_may_read_the_corpus_need_not_list_its_bucket(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    server = HTTPServer(("127.0.0.1", 0), _OnlyReading)
    Thread(target=server.serve_forever, daemon=True).start()
    _aws(monkeypatch, f"http://127.0.0.1:{server.server_port}")
    try:  # the store is looked at after the corpus
        said = refuse(3, f"corpus.path=s3://{BUCKET}/films/{name}", "store=/proc/nowhere")
    finally:
        server.shutdown()
        server.server_close()
    assert told in said


def test_no_credentials(refuse: Refuse, monkeypatch: pytest.MonkeyPatch, s3: str) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nowhere")
    assert "AWS_ACCESS_KEY_ID" in refuse(3, f"store=s3://{BUCKET}/x")


def test_a_profile_that_nobody_knows(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "correct AWS_PROFILE" in refuse(3, "store=s3://bucket/x")
