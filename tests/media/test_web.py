"""http: real requests to a server on loopback, and never to an address that was not checked."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.media.web_server import BODY, Server, serving
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media import MediaLimits
from tte2_ray.media.address import is_public
from tte2_ray.media.fetch import fetch, version_on_web

PUBLIC = "93.184.215.14"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


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


def test_bodies_and_redirects(server: Server) -> None:
    for path in ("/ok", "/chunked", "/to//ok", "/to//to//ok", "/flaky/1"):
        assert fetch(server.url + path, limits(fetch_attempts=2)) == BODY
    assert fetch(f"{server.url}/to/{server.url}/ok", limits()) == BODY


def test_paths_are_encoded_once(server: Server) -> None:
    fetch(f"{server.url}/grüße 1%20.png?q=ä b#part", limits())
    assert server.asked[0][0] == "/gr%C3%BC%C3%9Fe%201%20.png?q=%C3%A4%20b"


def test_loopback_is_refused_by_default(server: Server) -> None:
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
        "0177.0.0.1",
        "0x7f.1",
        "LOCALHOST",
        "１２７.0.0.1",
        "127。0。0。1",
        "0.0.0.0",
        "[::]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "100.100.100.200",
        "169.254.170.2",
        "168.63.129.16",
        "[fd00:ec2::254]",
        "192.168.0.1",
        "172.31.255.254",
    ],
)
def test_private_addresses_however_spelled(host: str) -> None:
    error_class = refused(f"http://{host}/latest/meta-data", allow_private_addresses=False)
    assert error_class is RowErrorClass.URI_NOT_ALLOWED


@pytest.mark.parametrize(
    ("words", "addresses"),
    [
        ("loopback", "127.0.0.1 127.255.255.254 ::1"),
        ("link-local", "169.254.169.254 169.254.170.2 fe80::1 fe80::1%eth0 febf::1"),
        ("private", "10.0.0.1 172.16.0.1 172.31.255.254 192.168.0.1 fc00::1 fd00::1 fec0::1"),
        ("shared", "100.64.0.1 100.100.100.200 100.127.255.254"),
        ("metadata", "168.63.129.16 192.0.0.192 fd00:ec2::254 fd20:ce::254"),
        ("nowhere", "0.0.0.0 0.1.2.3 :: 255.255.255.255 240.0.0.1 100::1 5f00::1"),
        ("many", "224.0.0.1 239.1.2.3 ff02::1"),
        ("documentation", "192.0.2.1 198.51.100.1 203.0.113.1 198.18.0.1 2001:db8::1 3fff::1"),
        ("IPv4 in IPv6", "::ffff:127.0.0.1 ::127.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1"),
        ("more of it", "64:ff9b:1::1 2002:7f00:1:: 2002:a9fe:a9fe:: 2001:0:7f00:1:: 192.88.99.1"),
    ],
)
def test_addresses_that_are_not_public(words: str, addresses: str) -> None:
    assert [address for address in addresses.split() if is_public(address)] == [], words


@pytest.mark.parametrize(
    "address",
    [PUBLIC, "8.8.8.8", "172.32.0.1", "100.63.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8",
     "64:ff9b::8.8.8.8"],
)  # fmt: skip
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.fixture
def public_name(server: Server, monkeypatch: pytest.MonkeyPatch) -> list[str]:
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


def test_a_version_is_asked_for_at_the_end_of_the_redirects(server: Server) -> None:
    server.headers["/ok"] = {"ETag": '"1"'}
    found = version_on_web(f"{server.url}/to//ok", limits())
    assert found == version_on_web(f"{server.url}/ok", limits()) != ""


@pytest.mark.parametrize("target", ["http://127.0.0.1/", "http://public.test/ok", "file:///x"])
def test_redirects_are_checked_where_a_version_is_asked_for(
    server: Server, public_name: list[str], target: str
) -> None:
    with pytest.raises(RowError) as caught:
        version_on_web(f"http://public.test/to/{target}", limits(allow_private_addresses=False))
    assert caught.value.error_class is RowErrorClass.URI_NOT_ALLOWED
    assert public_name == [PUBLIC]
    assert len(server.asked) == 1


def test_the_checked_address_is_the_one_connected_to(
    server: Server, public_name: list[str]
) -> None:
    assert fetch("http://public.test/ok", limits(allow_private_addresses=False)) == BODY
    assert public_name == [PUBLIC]
    assert server.asked == [("/ok", "public.test")]


@pytest.mark.parametrize("target", ["http://127.0.0.1/", "http://public.test/ok"])
def test_redirects_are_checked_too(server: Server, public_name: list[str], target: str) -> None:
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
def test_answers_that_are_refused(server: Server, path: str, error_class: RowErrorClass) -> None:
    assert refused(server.url + path) is error_class


@pytest.mark.parametrize("target", ["file:///etc/passwd", "FILE:/etc/passwd", "s3://bucket/key"])
def test_a_redirect_stays_on_the_web_where_files_and_s3_are_allowed(
    server: Server, target: str
) -> None:
    schemes = ("file", "s3", "http", "https")
    url = f"{server.url}/to/{target}"
    assert refused(url, allowed_schemes=schemes) is RowErrorClass.URI_NOT_ALLOWED


def test_a_name_of_which_one_address_is_private(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that fails goes to the next address, so all of them must be public."""
    resolve = socket.getaddrinfo

    def both(host: str, *args: Any, **kwargs: Any) -> Any:
        return [*resolve(PUBLIC, *args, **kwargs), *resolve("127.0.0.1", *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    url = f"http://both.test:{server.server_port}/ok"
    assert refused(url, allow_private_addresses=False) is RowErrorClass.URI_NOT_ALLOWED
    assert server.asked == []


def test_proxies_of_the_environment_are_not_asked(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a proxy every address could be reached, unchecked."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, server.url)
    for url in ("http://127.0.0.1:1/ok", "https://127.0.0.1:1/ok"):
        assert refused(url) is RowErrorClass.FETCH_FAILED
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://public.test@127.0.0.1:{port}/ok",
        "http://public.test:80@127.0.0.1:{port}/ok",
        "http://127.0.0.1:{port}@public.test/ok",
        "http://public.test\\@127.0.0.1:{port}/ok",
        "http://127.0.0.1:{port}\\@public.test/ok",
        "http://127.0.0.1:{port}#@public.test/ok",
        "http://127.0.0.1:{port}?@public.test/ok",
        "http:\\\\127.0.0.1:{port}/ok",
        "http:///127.0.0.1:{port}/ok",
        "http:127.0.0.1:{port}/ok",
        "//127.0.0.1:{port}/ok",
        "http://127.0.0.1.:{port}/ok",
        "http://[::1%25lo]:{port}/ok",
        "http://public.test:{port}\r\nHost: 127.0.0.1/ok",
        "http://127.0.0.1 public.test:{port}/ok",
    ],
)
def test_urls_that_look_like_others(server: Server, public_name: list[str], url: str) -> None:
    refused(url.format(port=server.server_port), allow_private_addresses=False)
    assert server.asked == []


def test_https_is_not_left_for_what_is_not_listed(server: Server) -> None:
    changes = {"allowed_schemes": ("http",)}
    url = f"{server.url}/to/https://127.0.0.1:1/"
    assert refused(url, **changes) is RowErrorClass.URI_NOT_ALLOWED


@pytest.mark.parametrize("path", ["/ok", "/chunked", "/endless"])
def test_size_bound(server: Server, path: str) -> None:
    assert refused(server.url + path, max_bytes=1000) is RowErrorClass.TOO_LARGE


@pytest.mark.parametrize("path", ["/trickle", "/trickled-header/", "/trickled-header/1"])
def test_a_server_that_trickles_is_cut_off(server: Server, path: str) -> None:
    begin = time.monotonic()
    assert refused(server.url + path, timeout_s=0.5) is RowErrorClass.FETCH_FAILED
    with suppress(RowError):
        version_on_web(server.url + path, limits(timeout_s=0.5))
    assert time.monotonic() - begin < 10


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


def test_tls_checks_the_certificate(server: Server) -> None:
    assert refused(server.url.replace("http", "https") + "/ok") is RowErrorClass.FETCH_FAILED
