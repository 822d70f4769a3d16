"""An http server on loopback that answers well or badly, by path."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BODY = b"x" * 3000


class _Handler(BaseHTTPRequestHandler):
    """Answers by path: /status/N, /to/URL, misbehaviours; else a body of the server's own. HEAD
    gets the same answer without its body, under /get-only a refusal."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        if self.path.startswith("/get-only"):
            self._start(405, {"Content-Length": "0"})
        else:
            self.do_GET()

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
            body = self.server.bodies.get(self.path, BODY)  # type: ignore[attr-defined]
            told = self.server.headers.get(self.path, {})  # type: ignore[attr-defined]
            self._start(200, {"Content-Length": str(len(body)), **told})
            if self.command != "HEAD":
                self.wfile.write(body)

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


class Server(ThreadingHTTPServer):
    """What it is asked for, and what it answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str]] = []
        """Path and host of each request."""
        self.bodies: dict[str, bytes] = {}
        """What lies at a path; at any other lies `BODY`."""
        self.headers: dict[str, dict[str, str]] = {}
        """What is told of a path besides its length."""

    @property
    def url(self) -> str:
        """Where its paths begin."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving() -> Iterator[Server]:
    """A server at work."""
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()
