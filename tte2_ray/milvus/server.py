"""The embedded server: one `milvus-lite server` on a data folder, shared by all local processes.

    resolve(config) ─ uri set? ── yes ─▶ as it is
                          └─ no ─▶ find (state file, answers, lock held) or start ─▶ with uri

It listens on 127.0.0.1 and outlives the job that started it, so that the index can be searched
afterwards and the next job starts at once; `jobs/publish_index.py stop-server` ends it.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from tte2_ray.config.paths import with_home
from tte2_ray.errors import PrerequisiteError, RuntimeFailure
from tte2_ray.milvus.client import connect, typed_errors
from tte2_ray.milvus.config import MilvusConfig

_STATE = "tte2-server.json"
_START_LOCK = "tte2-server.lock"
_LOG = "tte2-server.log"
_LITE_LOCK = "LOCK"  # milvus-lite holds a flock on it while the folder is open

# The server is a grandchild, so that stopping a Ray job, which kills the children of its driver,
# spares it. SIGINT is its orderly shutdown and must not be inherited as ignored.
_LAUNCHER = """
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
with open(sys.argv[1], "ab") as log:
    print(subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                           start_new_session=True).pid)
"""


@dataclass(frozen=True, kw_only=True)
class EmbeddedServer:
    """A running server."""

    pid: int
    port: int

    @property
    def uri(self) -> str:
        """What clients on this machine connect to."""
        return f"http://127.0.0.1:{self.port}"


def resolve(config: MilvusConfig) -> MilvusConfig:
    """The config with a `uri`: its own, or the embedded server's. Call it once, on the driver.

    Raises:
        PrerequisiteError: the embedded server cannot be found or started.
    """
    return config if config.uri else replace(config, uri=ensure_server(config.data_dir).uri)


def ensure_server(data_dir: str | Path, *, timeout_s: float = 60.0) -> EmbeddedServer:
    """Find the server of a data folder, or start one.

    Args:
        data_dir: made if it does not exist.
        timeout_s: seconds to wait for another starter, a server that shuts down, or ours.

    Raises:
        PrerequisiteError: milvus-lite is missing, another process has the folder open, or the
            server does not come up.
    """
    if find_spec("milvus_lite") is None:
        raise PrerequisiteError(
            "milvus-lite is not installed: run `make setup`, or set milvus.uri."
        )
    folder = _folder(data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PrerequisiteError(
            f"The Milvus folder {folder} cannot be made ({error.strerror}); choose a writable "
            "milvus.data_dir, or set milvus.uri."
        ) from error
    deadline = time.monotonic() + timeout_s
    with _start_lock(folder, deadline):
        patience = time.monotonic() + min(timeout_s, 10.0)
        while True:
            if server := find_server(folder):
                return server
            if not _is_locked(folder / _LITE_LOCK):
                return _start(folder, deadline)
            if time.monotonic() > patience:
                raise PrerequisiteError(
                    f"Another process has the Milvus folder {folder} open, and no server of ours "
                    "answers there. Close it, or choose another milvus.data_dir."
                )
            time.sleep(0.2)


def find_server(data_dir: str | Path) -> EmbeddedServer | None:
    """The server of a data folder if it runs and answers."""
    folder = _folder(data_dir)
    state = _read_state(folder)
    # Ask the port first: to test the lock is to take it, which would fail a server that starts.
    if state is None or not _answers(state) or not _is_locked(folder / _LITE_LOCK):
        return None
    return state


def stop_server(data_dir: str | Path, *, timeout_s: float = 30.0) -> bool:
    """End the server of a data folder; what it acknowledged is on disk.

    Returns:
        False if none was running.

    Raises:
        RuntimeFailure: it does not end.
    """
    folder = _folder(data_dir)
    server = find_server(folder)
    if server is None:
        return False
    for sign, wait_s in ((signal.SIGINT, timeout_s), (signal.SIGKILL, 5.0)):
        os.kill(server.pid, sign)
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            if not _is_locked(folder / _LITE_LOCK):
                (folder / _STATE).unlink(missing_ok=True)
                return True
            time.sleep(0.05)
    raise RuntimeFailure(f"The Milvus server of {folder} (process {server.pid}) does not end.")


def _folder(data_dir: str | Path) -> Path:
    return Path(with_home(str(data_dir))).absolute()


def _start(folder: Path, deadline: float) -> EmbeddedServer:
    port = _free_port()
    # One worker: the engine of milvus-lite 3.2 allows one writer a collection and does not guard
    # it, and more workers were no faster.
    command = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--max-workers", "1"]
    launched = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, str(folder / _LOG), *command],
        check=True,
        stdout=subprocess.PIPE,
        env={"OMP_NUM_THREADS": "1", **os.environ},
        text=True,
    )
    server = EmbeddedServer(pid=int(launched.stdout), port=port)
    while not _answers(server):
        if not _is_alive(server.pid) or time.monotonic() > deadline:
            tail = (folder / _LOG).read_text(errors="replace").strip().splitlines()[-1:]
            raise PrerequisiteError(
                f"The Milvus server on {folder} did not start: {' '.join(tail) or 'no output'} "
                f"(log: {folder / _LOG})."
            )
        time.sleep(0.1)
    draft = folder / f"{_STATE}.draft"
    draft.write_text(json.dumps(asdict(server)))
    draft.replace(folder / _STATE)
    return server


def _read_state(folder: Path) -> EmbeddedServer | None:
    try:
        state = json.loads((folder / _STATE).read_text())
        return EmbeddedServer(pid=int(state["pid"]), port=int(state["port"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise PrerequisiteError(
            f"{folder / _STATE} is damaged ({error}); end the server and delete the file."
        ) from error


def _answers(server: EmbeddedServer) -> bool:
    """Whether a milvus-lite server answers at its port (a quick refusal is cheap to ask for)."""
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=1.0).close()
    except OSError:
        return False
    try:
        client = connect(MilvusConfig(uri=server.uri, connect_timeout_s=10.0))
        with typed_errors(f"ask {server.uri} for its version", first=True):
            return str(client.get_server_version(timeout=10.0)).startswith("milvus_lite")
    except PrerequisiteError:
        return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_locked(path: Path) -> bool:
    """Whether another process holds the flock of `path`."""
    if not path.exists():
        return False
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@contextmanager
def _start_lock(folder: Path, deadline: float) -> Iterator[None]:
    """Held while a server is looked for and started, so that two jobs do not start two."""
    with (folder / _START_LOCK).open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise PrerequisiteError(
                        f"Another process has been starting the Milvus server of {folder} "
                        "for too long; see its log there."
                    ) from None
                time.sleep(0.1)
        yield
