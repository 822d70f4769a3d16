"""The real Milvus server, of the wheel `milvus`, in a folder of its own: started, ended, killed.

    test run ─ pipe ─▶ keeper ─ starts ─▶ milvus run standalone (etcd and storage inside)

The keeper ends the server when the pipe closes, which the kernel does however a test run ends, and
the server ends with its keeper: none is left behind. It listens on every interface (its services
bind to ":port", and no setting of 2.3.5 changes that; only its etcd is on the loopback), on free
ports; what its services tell each other goes over the loopback.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from tests.milvus_wheel import VERSION, free_ports, unpacked, write_configuration
from tte2_ray.errors import TteError
from tte2_ray.milvus.client import connect, typed_errors
from tte2_ray.milvus.config import MilvusConfig

STARTS_WITHIN_S = 120.0
ENDS_WITHIN_S = 20.0
"""Milvus itself would wait half an hour for its services to end in order."""

_LOCK_FOLDERS = (Path("/run/milvus"), Path("/tmp/milvus"))
_KEEPER = """
import ctypes, select, signal, subprocess, sys

def end_with_me():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=sys.stderr,
                          preexec_fn=end_with_me)
print(server.pid, flush=True)
while server.poll() is None:
    if select.select([sys.stdin], [], [], 0.1)[0]:
        server.kill()
server.wait()
"""


class RealMilvus:
    """One server over a folder; started again it has the same data and the same address.

    Args:
        folder: for its data, configuration and logs; made if it does not exist.
        settings: of milvus.yaml, over those that make it fast to test with.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any] | None = None) -> None:
        self.folder = folder.absolute()
        self.pid = 0
        """Of the server, while it runs."""
        self._settings = settings or {}
        self._keeper: subprocess.Popen[str] | None = None
        self._ports: dict[str, int] = {}

    @property
    def uri(self) -> str:
        """What clients connect to."""
        return f"http://127.0.0.1:{self._ports['proxy_port']}"

    @property
    def _lock_name(self) -> str:
        """Apart from those of other servers of this machine, of which Milvus allows one a name."""
        return f"tte2-{self._ports['proxy_port']}"

    @property
    def storage(self) -> Path:
        """The folder in which it keeps segments, in the place of a bucket."""
        return self.folder / "data"

    def start(self) -> "RealMilvus":
        """Starts it and waits until it answers; on other ports where one was taken meanwhile."""
        for last in (False, False, True):
            fresh = not self._ports
            self._ports = self._ports or free_ports()
            try:
                return self._start()
            except ChildProcessError:
                if last or not fresh:
                    raise
                self._ports = {}
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """Ends it in order (SIGTERM), or by force where that takes long."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: what it has not written is lost."""
        self._end(signal.SIGKILL)

    def restart(self) -> "RealMilvus":
        """Ends it in order and starts it over the same data."""
        self.stop()
        return self.start()

    def __enter__(self) -> "RealMilvus":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _start(self) -> "RealMilvus":
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        binaries = unpacked()
        write_configuration(self.folder, self.storage, self._ports, self._settings)
        environment = {
            **os.environ,
            "LD_LIBRARY_PATH": str(binaries),
            "MILVUSCONF": str(self.folder / "configs"),
            "METRICS_PORT": str(self._ports["metrics_port"]),
            "DEPLOY_MODE": "STANDALONE",
        }
        with (self.folder / "logs" / "out.log").open("ab") as log:
            self._keeper = subprocess.Popen(
                [sys.executable, "-c", _KEEPER, str(binaries / "milvus"), "run", "standalone",
                 "-alias", self._lock_name],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                cwd=self.folder, env=environment, start_new_session=True,
            )  # fmt: skip
        assert self._keeper.stdout is not None
        self.pid = int(self._keeper.stdout.readline())
        self._wait()
        return self

    def _wait(self) -> None:
        assert self._keeper is not None
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not (self._is_healthy() and self._answers()):
            if self._keeper.poll() is not None or time.monotonic() > deadline:
                self._end(signal.SIGKILL)
                tail = (self.folder / "logs" / "out.log").read_text(errors="replace")[-500:]
                raise ChildProcessError(f"Milvus {VERSION} did not start: {tail or 'no output'}")
            time.sleep(0.1)

    def _is_healthy(self) -> bool:
        """Whether its services say so; those that have started, of a server that starts again."""
        url = f"http://127.0.0.1:{self._ports['metrics_port']}/healthz"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return b"OK" in answer.read()
        except (urllib.error.URLError, OSError):
            return False

    def _answers(self) -> bool:
        try:
            client = connect(MilvusConfig(uri=self.uri, connect_timeout_s=2.0))
            with typed_errors("list collections", first=True):
                client.list_collections(timeout=2.0)
        except TteError:
            return False
        client.close()
        return True

    def _end(self, sign: signal.Signals) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        try:
            server = psutil.Process(self.pid)
            server.send_signal(sign)
            server.wait(ENDS_WITHIN_S)
        except psutil.TimeoutExpired:
            server.kill()
        except psutil.NoSuchProcess:
            pass
        self.pid = 0
        keeper.communicate(timeout=ENDS_WITHIN_S)
        for folder in _LOCK_FOLDERS:
            (folder / f"standalone-{self._lock_name}.pid").unlink(missing_ok=True)
