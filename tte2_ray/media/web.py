"""http(s) without reaching into the own network: each hop is resolved once, checked, and the
connection goes to an address that was checked, so that a name cannot change its answer between.

Proxies of the environment are not used: behind one, no address could be checked.
"""

import hashlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Literal, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.address import checked_addresses
from tte2_ray.media.bounded import TransientFetchError, check_size, one_line, read_bounded
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.uri import locate, shown

T = TypeVar("T")

MAX_REDIRECTS = 5

_REDIRECTS = (301, 302, 303, 307, 308)
_GONE = (404, 410)
_MAY_PASS = (408, 425, 429, 500, 502, 503, 504)
_VERSION_DIGITS = 32


def fetch_http(url: str, limits: MediaLimits) -> bytes:
    """Reads a URL, following at most `MAX_REDIRECTS` redirects.

    Raises:
        RowError: `uri_not_allowed` where a hop leads to an address that is not public or to a
            scheme outside the list; `not_found`, `too_large`, `fetch_failed`.
    """
    return _followed("GET", url, limits, _body)


def version_http(url: str, limits: MediaLimits) -> str:
    """What the server tells of the version of a file: asked with HEAD, nothing is downloaded.

    Returns:
        A hash of the ETag, else of the time of the last change and the length; "" where the server
        tells neither.

    Raises:
        RowError: as `fetch_http`, for the same reasons.
    """
    return _followed("HEAD", url, limits, _version)


def _followed(
    method: Literal["GET", "HEAD"],
    url: str,
    limits: MediaLimits,
    read: Callable[[http.client.HTTPResponse, str, MediaLimits], T],
) -> T:
    """What is read of the answer at the end of the redirects."""
    deadline = time.monotonic() + limits.timeout_s
    for _ in range(MAX_REDIRECTS + 1):
        with _hop(method, url, limits, deadline) as answer:
            if answer.status not in _REDIRECTS:
                return read(answer, url, limits)
            target = urljoin(url, answer.headers.get("Location", ""))
        if locate(target, limits).scheme not in ("http", "https"):
            raise RowError(
                RowErrorClass.URI_NOT_ALLOWED, f"{shown(url)} redirects to {shown(target)}"
            )
        url = target
    raise RowError(RowErrorClass.FETCH_FAILED, f"{shown(url)}: over {MAX_REDIRECTS} redirects")


def _body(answer: http.client.HTTPResponse, url: str, limits: MediaLimits) -> bytes:
    _require_ok(answer, url)
    check_size(answer.length or 0, url, limits)
    data = read_bounded(answer, url, limits)
    if answer.length:
        raise TransientFetchError(f"{shown(url)}: the answer lacks {answer.length} bytes")
    return data


def _version(answer: http.client.HTTPResponse, url: str, _: MediaLimits) -> str:
    _require_ok(answer, url)
    told = answer.headers
    # A tag that a proxy on the way has made weak is the same: RFC 9110, 8.8.3.2, weak comparison.
    if tag := told.get("ETag", "").strip().removeprefix("W/"):
        version = f"tag {tag}"
    elif changed := told.get("Last-Modified"):
        version = f"time {changed}, {told.get('Content-Length')} bytes"
    else:
        return ""
    # Hashed: strangers write it, up to 64 KiB, and it stands in every row.
    return hashlib.sha256(version.encode()).hexdigest()[:_VERSION_DIGITS]


def _require_ok(answer: http.client.HTTPResponse, url: str) -> None:
    if answer.status == 200:
        return
    message = f"{shown(url)}: status {answer.status}"
    if answer.status in _MAY_PASS:
        raise TransientFetchError(message)
    gone = answer.status in _GONE
    raise RowError(RowErrorClass.NOT_FOUND if gone else RowErrorClass.FETCH_FAILED, message)


@contextmanager
def _hop(
    method: str, url: str, limits: MediaLimits, deadline: float
) -> Iterator[http.client.HTTPResponse]:
    """One request to a checked address, cut off at the deadline whatever the server does."""
    left_s = max(deadline - time.monotonic(), 0.001)
    connection = _connection(url, limits, left_s)
    expired = threading.Event()

    def cut_off() -> None:
        expired.set()
        if connection.sock is not None:
            with suppress(OSError):  # closed meanwhile
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(left_s, cut_off)
    timer.daemon = True
    timer.start()
    try:
        connection.request(method, _target(url), headers={"Accept-Encoding": "identity"})
        yield connection.getresponse()
        if expired.is_set():
            raise TimeoutError("the answer was not complete")
    except (OSError, http.client.HTTPException, ValueError) as error:
        late = f" within timeout_s {limits.timeout_s}" if expired.is_set() else ""
        raise TransientFetchError(f"{shown(url)}: {one_line(error)}{late}") from error
    finally:
        timer.cancel()
        connection.close()


def _target(url: str) -> str:
    parts = urlsplit(url)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~?[]")
    return f"{path}?{query}" if query else path


def _connection(url: str, limits: MediaLimits, timeout_s: float) -> http.client.HTTPConnection:
    try:
        parts = urlsplit(url)
        host, secure = parts.hostname or "", parts.scheme.lower() == "https"
        port = parts.port or (443 if secure else 80)
        name = host if ":" in host else host.encode("idna").decode("ascii")
    except ValueError as error:
        raise RowError(RowErrorClass.MALFORMED_ROW, f"{shown(url)}: {error}") from error
    if not name:
        raise RowError(RowErrorClass.MALFORMED_ROW, f"{shown(url)}: no host")
    if parts.username is not None or parts.password is not None:
        raise RowError(RowErrorClass.URI_NOT_ALLOWED, f"{shown(url)}: credentials in a URL")
    addresses = checked_addresses(name, port, url, limits)
    pinned = _PinnedTls if secure else _Pinned
    return pinned(name, port, addresses=addresses, timeout_s=timeout_s)


class _Pinned(http.client.HTTPConnection):
    """Connects to an address that was checked; `host` only names the server in the request."""

    def __init__(
        self, host: str, port: int, *, addresses: tuple[str, ...], timeout_s: float
    ) -> None:
        super().__init__(host, port, timeout=timeout_s)
        self._addresses = addresses

    def connect(self) -> None:
        last: OSError | None = None
        for address in self._addresses:
            try:
                self.sock = socket.create_connection((address, self.port), self.timeout)
                return
            except OSError as error:
                last = error
        raise last or OSError("no address")


class _PinnedTls(_Pinned):
    """The same over TLS; the certificate is checked against the host's name."""

    default_port = http.client.HTTPS_PORT

    def connect(self) -> None:
        super().connect()
        self.sock = _tls().wrap_socket(self.sock, server_hostname=self.host)


@cache
def _tls() -> ssl.SSLContext:
    """Once: to read the certificates takes longer than to ask for a version."""
    return ssl.create_default_context()
