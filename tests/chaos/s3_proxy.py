"""S3 that fails: a proxy before a real S3 protocol (moto), which disturbs requests by rules.

    client ─▶ proxy ─▶ moto
                │
             control: GET tells what was hit, PUT sets rules

What no rule hits passes as it came, the headers of the signature included. Two things make of moto
what S3 is: conditional puts are served one after another, and a request whose body breaks off
leaves nothing. As a process:

python -m tests.chaos.s3_proxy --target http://127.0.0.1:5000 --seed 7 \
    --faults '[{"kind": "slow_down", "operation": "PUT", "probability": 0.1}]'

prints `proxy URL control URL`, and ends with what was hit when its input ends or at SIGTERM.
"""

import argparse
import json
import signal
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from tests.chaos.s3_handler import Handler, Upstream
from tests.chaos.s3_rules import Rule, Rules, from_json, to_json

_POLL_S = 0.02


class S3Proxy:
    """Listens on loopback while it is entered.

    Args:
        target: URL of the S3 server.
        rules: that are in force at first.
        seed: of what is drawn.
    """

    def __init__(self, target: str, rules: Iterable[Rule] = (), seed: int = 0) -> None:
        address = urlsplit(target)
        self.rules = Rules(seed, rules)
        self._upstream = Upstream(
            str(address.hostname), address.port or 80, self.rules, self.refuse_for
        )
        self._handler = type("Bound", (Handler,), {"upstream": self._upstream})
        self._control = type("BoundControl", (_Control,), {"rules": self.rules})
        self._changing, self._back = Lock(), Event()
        self._outages: list[Thread] = []

    def __enter__(self) -> "S3Proxy":
        self._server = _listen(0, self._handler)
        self._told = _listen(0, self._control)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.control_url = f"http://127.0.0.1:{self._told.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._upstream.ended.set()
        self._back.set()
        for outage in self._outages:
            outage.join()
        with self._changing:
            _close(self._server)
        _close(self._told)
        self._upstream.cut_all()

    def set(self, *rules: Rule) -> None:
        """Puts rules in the place of those in force; none lets everything pass."""
        self.rules.replace(rules)

    def counts(self) -> dict[str, int]:
        """Faults so far, by kind."""
        counts: dict[str, int] = self.rules.told()["counts"]
        return counts

    def log(self) -> list[dict[str, Any]]:
        """The requests that were hit, in order: `at`, `kind`, `operation`, `key`."""
        log: list[dict[str, Any]] = self.rules.told()["log"]
        return log

    def seen(self) -> int:
        """Requests so far."""
        return int(self.rules.told()["seen"])

    def refuse_for(self, seconds: float) -> None:
        """Cuts all connections and takes none for a while; returns at once."""
        outage = Thread(target=self._out, args=(seconds,), daemon=True)
        self._outages.append(outage)
        outage.start()

    def come_back(self) -> None:
        """Ends an outage before its time; returns when connections are taken again."""
        self._back.set()
        with self._changing:
            self._back.clear()

    def _out(self, seconds: float) -> None:
        with self._changing:
            port = self._server.server_port
            _close(self._server)
            self._upstream.cut_all()
            self._back.wait(seconds)
            self._server = _listen(port, self._handler)


class RemoteS3Proxy:
    """A proxy in another process, by its control URL; as `S3Proxy`."""

    def __init__(self, control_url: str) -> None:
        self._url = control_url

    def set(self, *rules: Rule) -> None:
        """See `S3Proxy`."""
        urlopen(Request(self._url, to_json(rules), method="PUT"), timeout=10).close()

    def counts(self) -> dict[str, int]:
        """See `S3Proxy`."""
        counts: dict[str, int] = self._asked()["counts"]
        return counts

    def log(self) -> list[dict[str, Any]]:
        """See `S3Proxy`."""
        log: list[dict[str, Any]] = self._asked()["log"]
        return log

    def seen(self) -> int:
        """See `S3Proxy`."""
        return int(self._asked()["seen"])

    def _asked(self) -> dict[str, Any]:
        with urlopen(self._url, timeout=10) as answer:
            told: dict[str, Any] = json.load(answer)
            return told


class _Control(BaseHTTPRequestHandler):
    """GET: what was hit. PUT: other rules, as a list of JSON objects."""

    rules: Rules

    def do_GET(self) -> None:
        self._say(200, self.rules.told())

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            self.rules.replace(from_json(body))
        except (ValueError, TypeError) as error:
            self._say(400, {"error": str(error)})
            return
        self._say(200, {})

    def _say(self, status: int, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that ended in an error is told only where it is none of a client's."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            print(f"proxy: {type(error).__name__}: {error}", file=sys.stderr)


def _listen(port: int, handler: type[BaseHTTPRequestHandler]) -> _Server:
    server = _Server(("127.0.0.1", port), handler)
    Thread(target=server.serve_forever, args=(_POLL_S,), daemon=True).start()
    return server


def _close(server: _Server) -> None:
    server.shutdown()
    server.server_close()


def main(argv: Sequence[str] | None = None) -> None:
    """Runs until its input ends or it is told to."""
    parser = argparse.ArgumentParser(description="S3 that fails")
    parser.add_argument("--target", required=True, help="URL of the S3 server")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", default="[]", help="a list of rules, as JSON")
    given = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with S3Proxy(given.target, from_json(given.faults), given.seed) as proxy:
        print(f"proxy {proxy.url} control {proxy.control_url}", flush=True)
        with suppress(KeyboardInterrupt):
            sys.stdin.read()
        print(json.dumps(proxy.counts()), flush=True)


if __name__ == "__main__":
    main()
