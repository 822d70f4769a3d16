"""A real S3 protocol, and a server that tells what reached it."""

import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import botocore.session
import pytest
from moto.server import ThreadedMotoServer


class Recorder(BaseHTTPRequestHandler):
    """Stands for S3 where it matters what arrives: notes method, target, headers and body."""

    protocol_version = "HTTP/1.1"
    arrived: list[tuple[str, str, dict[str, str], bytes]]

    def note(self) -> None:
        """Any method; the answer is empty."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.arrived.append((self.command, self.path, dict(self.headers.items()), body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = note

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def recorder() -> Iterator[tuple[str, list[tuple[str, str, dict[str, str], bytes]]]]:
    """Its URL, and what arrived."""
    handler = type("Bound", (Recorder,), {"arrived": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", handler.arrived
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The URL of a moto server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def client(url: str, attempts: int = 1) -> Any:
    """botocore, which signs, at an endpoint."""
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "total_max_attempts": attempts}, read_timeout=10)
    return botocore.session.Session().create_client("s3", endpoint_url=url, config=config)


@pytest.fixture
def bucket(moto: str) -> str:
    """A new bucket."""
    name = f"chaos-{uuid.uuid4().hex}"
    client(moto).create_bucket(Bucket=name)
    return name
