"""One connection of the proxy: what it passes on, and what it does where a rule hits."""

import http.client
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from threading import Event, Lock

from tests.chaos.s3_rules import ANSWERS, CUTS, Asked, Rule, Rules

_HOP = ("connection", "keep-alive", "proxy-connection", "transfer-encoding", "expect", "te")
_UPSTREAM_TIMEOUT_S = 60.0
_TRICKLES = 20


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes


class Upstream:
    """What all connections of a proxy share.

    Args:
        host: of the S3 server.
        port: of it.
        rules: in force.
        refuse_for: called with seconds for which no connection is to be taken.
    """

    def __init__(
        self, host: str, port: int, rules: Rules, refuse_for: Callable[[float], None]
    ) -> None:
        self.host, self.port, self.rules, self.refuse_for = host, port, rules, refuse_for
        self.ended = Event()
        self.open: set[socket.socket] = set()
        # Moto looks and writes in two steps; in S3 a conditional put is one.
        self.conditional = Lock()

    def cut_all(self) -> None:
        """Cuts every connection that is open."""
        for connection in list(self.open):
            _cut(connection)


class Handler(BaseHTTPRequestHandler):
    """Passes requests on, or disturbs them."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each body waits 40 ms for its head to be acknowledged
    upstream: Upstream

    def setup(self) -> None:
        """Notes the connection, so that it can be cut."""
        super().setup()
        self.upstream.open.add(self.connection)

    def finish(self) -> None:
        """Forgets the connection."""
        self.upstream.open.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def handle_one_request(self) -> None:
        """One request; a client that is gone ends the connection."""
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def serve(self) -> None:
        """Any method."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers:  # as S3 says it
            self._answer(Answer(411, "Length Required", [], b""))
            self._cut()
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):  # the client died: S3 keeps nothing of it
            self._cut()
            return
        rule = self.upstream.rules.choose(Asked.of(self.command, self.path))
        if rule is None:
            self._answer(self._forward(body))
        elif rule.kind in ANSWERS:
            if rule.kind.endswith("_after"):
                self._forward(body)
            self._answer(_error(rule.kind, self.path))
        else:
            _FAULTS[rule.kind](self, rule, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve

    def _pass(self, rule: Rule, body: bytes) -> None:
        self._answer(self._forward(body))

    def _overwrite(self, rule: Rule, body: bytes) -> None:
        del self.headers["If-None-Match"]
        self._answer(self._forward(body))

    def _delay(self, rule: Rule, body: bytes) -> None:
        self.upstream.ended.wait(rule.seconds)
        self._answer(self._forward(body))

    def _cut_before(self, rule: Rule, body: bytes) -> None:
        self._cut()

    def _cut_after(self, rule: Rule, body: bytes) -> None:
        self._forward(body)
        self._cut()

    def _cut_body(self, rule: Rule, body: bytes) -> None:
        answer = self._forward(body)
        if self.command == "HEAD" or not answer.body:  # nothing to cut but all of it
            self._cut()
            return
        self._head(answer, len(answer.body))
        self.wfile.write(answer.body[: int(len(answer.body) * rule.share)])
        self._cut()

    def _trickle(self, rule: Rule, body: bytes) -> None:
        answer = self._forward(body)
        self._head(answer, len(answer.body))
        step = max(1, len(answer.body) // _TRICKLES)
        for start in range(0, len(answer.body), step):
            self.wfile.write(answer.body[start : start + step])
            if self.upstream.ended.wait(rule.seconds / _TRICKLES):
                break

    def _half_write(self, rule: Rule, body: bytes) -> None:
        connection = self._connect()
        with suppress(OSError, http.client.HTTPException):
            connection.send(body[: int(len(body) * rule.share)])
            connection.sock.shutdown(socket.SHUT_WR)
            connection.getresponse().read()  # it has seen the end when it answers, or hangs up
        connection.close()
        self._cut()

    def _duplicate(self, rule: Rule, body: bytes) -> None:
        self._forward(body)
        self._answer(self._forward(body))

    def _short_length(self, rule: Rule, body: bytes) -> None:
        self._lie(self._forward(body), -1)

    def _long_length(self, rule: Rule, body: bytes) -> None:
        self._lie(self._forward(body), +7)

    def _hang_after(self, rule: Rule, body: bytes) -> None:
        self._forward(body)
        self._black_hole(rule, body)

    def _black_hole(self, rule: Rule, body: bytes) -> None:
        self.upstream.ended.wait(rule.seconds)
        self._cut()

    def _outage(self, rule: Rule, body: bytes) -> None:
        self.upstream.refuse_for(rule.seconds)
        self._cut()

    def _lie(self, answer: Answer, by: int) -> None:
        """Sends a body with a length that is not its own; an answer to HEAD has none."""
        self._head(answer, max(0, len(answer.body) + by))
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self._cut()

    def _connect(self) -> http.client.HTTPConnection:
        """A connection to the server, on which the head of the request was sent."""
        connection = http.client.HTTPConnection(
            self.upstream.host, self.upstream.port, timeout=_UPSTREAM_TIMEOUT_S
        )
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _HOP:
                connection.putheader(name, value)
        connection.endheaders()
        return connection

    def _forward(self, body: bytes) -> Answer:
        """What the server says to the request as it came."""
        if self.command == "PUT" and "If-None-Match" in self.headers:
            with self.upstream.conditional:
                return self._exchange(body)
        return self._exchange(body)

    def _exchange(self, body: bytes) -> Answer:
        connection = self._connect()
        try:
            connection.send(body)
            found = connection.getresponse()
            return Answer(found.status, found.reason, found.getheaders(), found.read())
        finally:
            connection.close()

    def _answer(self, answer: Answer) -> None:
        self._head(answer, len(answer.body))
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _head(self, answer: Answer, length: int) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.headers:
            stated = name.lower() == "content-length"
            if stated and self.command == "HEAD":
                length = int(value)
            elif not stated and name.lower() not in _HOP:
                self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _cut(self) -> None:
        self.close_connection = True
        _cut(self.connection)

    def log_message(self, *_: object) -> None:
        """Silent: `Rules` keeps the log."""


_FAULTS: Mapping[str, Callable[[Handler, Rule, bytes], None]] = {
    kind: getattr(Handler, f"_{kind}") for kind in CUTS
}


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # it is cut already
        connection.shutdown(socket.SHUT_RDWR)


def _error(kind: str, path: str) -> Answer:
    status, code, message = ANSWERS[kind]
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
        f"<Message>{message}</Message><RequestId>{time.time_ns():X}</RequestId></Error>"
    )
    headers = [("Content-Type", "application/xml"), ("x-amz-request-id", "CHAOS")]
    return Answer(status, http.client.responses[status], headers, body.encode())
