"""http: real requests to a server on loopback, and never to an address that was not checked."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media import MediaLimits
from tte2_ray.media.address import is_public
from tte2_ray.media.fetch import fetch

BODY = b"x" * 3000
PUBLIC = "93.184.215.14"


class _Handler(BaseHTTPRequestHandler):
    """Answers by path: /ok, /status/N, /to/URL, and misbehaviours."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        kind, _, rest = self.path[1:].partition("/")
        if kind == "to":
            self._start(302, {"Location": rest, "Content-Length": "0"})
        elif kind == "status":
            self._start(int(rest), {"Content-Length": "0"})
        elif kind == "flaky" and self._first_time():
            self._start(503, {"Content-Length": "0"})
        elif kind == "chunked":
            self._start(200, {"Transfer-Encoding": "chunked"})
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))
        elif kind == "endless":
            self._start(200, {})
            self._write_for_ever(b"x" * 65536, 0)
        elif kind == "trickle":
            self._start(200, {"Content-Length": "100000"})
            self._write_for_ever(b"x", 0.05)
        elif kind == "trickled-header":
            self._write_for_ever(b"HTTP/1.1 200 OK\r\n" if rest else b"X", 0.05)
        elif kind == "short":
            self._start(200, {"Content-Length": "100000"})
            self.wfile.write(BODY)
        elif kind == "garbage":
            self.wfile.write(b"\0\1\2 this is no http\r\n\r\n")
        else:
            self._start(200, {"Content-Length": str(len(BODY))})
            self.wfile.write(BODY)

    def _start(self, status: int, headers: dict[str, str]) -> None:
        self.server.asked.append((self.path, self.headers["Host"]))  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _first_time(self) -> bool:
        asked = [path for path, _ in self.server.asked]  # type: ignore[attr-defined]
        return self.path not in asked

    def _write_for_ever(self, data: bytes, pause_s: float) -> None:
        try:
            while True:
                self.wfile.write(data)
                time.sleep(pause_s)
        except OSError:
            return

    def log_message(self, *_: Any) -> None:
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def limits(**changes: Any) -> MediaLimits:
    defaults: dict[str, Any] = {
        "allowed_schemes": ("http", "https"),
        "allow_private_addresses": True,
        "fetch_attempts": 1,
        "timeout_s": 5.0,
    }
    return MediaLimits(**(defaults | changes))


def refused(url: str, **changes: Any) -> RowErrorClass:
    with pytest.raises(RowError) as caught:
        fetch(url, limits(**changes))
    return caught.value.error_class


def test_bodies_and_redirects(server: _Server) -> None:
    for path in ("/ok", "/chunked", "/to//ok", "/to//to//ok", "/flaky/1"):
        assert fetch(server.url + path, limits(fetch_attempts=2)) == BODY
    assert fetch(f"{server.url}/to/{server.url}/ok", limits()) == BODY


def test_paths_are_encoded_once(server: _Server) -> None:
    fetch(f"{server.url}/grüße 1%20.png?q=ä b#part", limits())
    assert server.asked[0][0] == "/gr%C3%BC%C3%9Fe%201%20.png?q=%C3%A4%20b"


def test_loopback_is_refused_by_default(server: _Server) -> None:
    error_class = refused(server.url + "/ok", allow_private_addresses=False)
    assert error_class is RowErrorClass.URI_NOT_ALLOWED
    assert server.asked == []


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "10.0.0.1",
        "[fe80::1]",
        "[64:ff9b::a00:1]",
        "[2002:7f00:1::]",
    ],
)
def test_private_addresses_however_spelled(host: str) -> None:
    error_class = refused(f"http://{host}/latest/meta-data", allow_private_addresses=False)
    assert error_class is RowErrorClass.URI_NOT_ALLOWED


def test_public_addresses() -> None:
    assert is_public(PUBLIC)
    assert is_public("2606:4700:4700::1111")
    for address in ("100.64.0.1", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "224.0.0.1"):
        assert not is_public(address)


@pytest.fixture
def public_name(server: _Server, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for the open internet, which tests cannot reach: the name `public.test` has a
    public address at first and a private one when it is asked again (DNS rebinding), and a
    connection to the public address ends at the test's server. Returns the addresses connected to.
    """
    resolve, connect = socket.getaddrinfo, socket.create_connection
    answers = iter([PUBLIC])
    connected: list[str] = []

    def getaddrinfo(host: str, *args: Any, **kwargs: Any) -> Any:
        return resolve(
            next(answers, "127.0.0.1") if host == "public.test" else host, *args, **kwargs
        )

    def create_connection(address: tuple[str, int], *args: Any, **kwargs: Any) -> Any:
        connected.append(address[0])
        to = ("127.0.0.1", server.server_port) if address[0] == PUBLIC else address
        return connect(to, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket, "create_connection", create_connection)
    return connected


def test_the_checked_address_is_the_one_connected_to(
    server: _Server, public_name: list[str]
) -> None:
    assert fetch("http://public.test/ok", limits(allow_private_addresses=False)) == BODY
    assert public_name == [PUBLIC]
    assert server.asked == [("/ok", "public.test")]


@pytest.mark.parametrize("target", ["http://127.0.0.1/", "http://public.test/ok"])
def test_redirects_are_checked_too(server: _Server, public_name: list[str], target: str) -> None:
    url = f"http://public.test/to/{target}"
    assert refused(url, allow_private_addresses=False) is RowErrorClass.URI_NOT_ALLOWED
    assert public_name == [PUBLIC]


@pytest.mark.parametrize(
    ("path", "error_class"),
    [
        ("/status/404", RowErrorClass.NOT_FOUND),
        ("/status/410", RowErrorClass.NOT_FOUND),
        ("/status/403", RowErrorClass.FETCH_FAILED),
        ("/status/500", RowErrorClass.FETCH_FAILED),
        ("/status/204", RowErrorClass.FETCH_FAILED),
        ("/short", RowErrorClass.FETCH_FAILED),
        ("/garbage", RowErrorClass.FETCH_FAILED),
        ("/to/" + "/to/" * 9, RowErrorClass.FETCH_FAILED),
        ("/to/file:///etc/passwd", RowErrorClass.URI_NOT_ALLOWED),
        ("/to/ftp://host/", RowErrorClass.URI_NOT_ALLOWED),
        ("/to/http://me:word@host/", RowErrorClass.URI_NOT_ALLOWED),
        ("/to/https://127.0.0.1:1/", RowErrorClass.FETCH_FAILED),
    ],
)
def test_answers_that_are_refused(server: _Server, path: str, error_class: RowErrorClass) -> None:
    assert refused(server.url + path) is error_class


def test_https_is_not_left_for_what_is_not_listed(server: _Server) -> None:
    changes = {"allowed_schemes": ("http",)}
    url = f"{server.url}/to/https://127.0.0.1:1/"
    assert refused(url, **changes) is RowErrorClass.URI_NOT_ALLOWED


@pytest.mark.parametrize("path", ["/ok", "/chunked", "/endless"])
def test_size_bound(server: _Server, path: str) -> None:
    assert refused(server.url + path, max_bytes=1000) is RowErrorClass.TOO_LARGE


@pytest.mark.parametrize("path", ["/trickle", "/trickled-header/", "/trickled-header/1"])
def test_a_server_that_trickles_is_cut_off(server: _Server, path: str) -> None:
    begin = time.monotonic()
    assert refused(server.url + path, timeout_s=0.5) is RowErrorClass.FETCH_FAILED
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize(
    ("url", "error_class"),
    [
        ("http://", RowErrorClass.MALFORMED_ROW),
        ("http://host:99999/", RowErrorClass.MALFORMED_ROW),
        ("http://[::1/", RowErrorClass.MALFORMED_ROW),
        (f"http://{'a' * 70}.test/", RowErrorClass.MALFORMED_ROW),
        ("http://127.0.0.1:1/", RowErrorClass.FETCH_FAILED),
        ("http://127.0.0.1:1/\r\nX: y", RowErrorClass.FETCH_FAILED),
    ],
)
def test_urls_that_lead_nowhere(url: str, error_class: RowErrorClass) -> None:
    assert refused(url) is error_class


def test_tls_checks_the_certificate(server: _Server) -> None:
    assert refused(server.url.replace("http", "https") + "/ok") is RowErrorClass.FETCH_FAILED
