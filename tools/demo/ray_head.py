"""A Ray head of the demo's own: free ports, its own folder and token, ended with all it started.

`ray stop` would end every Ray of the machine. Here each process of the head, its workers and its
jobs carries the path of the head's token in its environment, and exactly these are ended.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tte2_ray.errors import PrerequisiteError

LOGICAL_CPUS = 8
"""More than a laptop has: most tasks wait for an engine, and with too few phases would wait for
one another for ever."""
OBJECT_STORE_BYTES = 256 * 1024 * 1024
"""Only numbers pass through it."""
HOME = "/tmp"
"""Short, because the path of a socket below it may have 107 bytes; TMPDIR is often long."""
ATTEMPTS = 3
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 10.0
RAY_CLI = Path(sys.executable).with_name("ray")
_STARTED = "Ray runtime started"
_GAVE_UP = "timed out during startup"


@dataclass(frozen=True, kw_only=True)
class RayHead:
    """A running head."""

    address: str
    """Of its dashboard, where jobs are submitted: `http://127.0.0.1:<port>`."""
    environment: Mapping[str, str]
    """Variables of a process that talks to it: the token's file, no other cluster's address."""


@contextmanager
def local_ray(say: Callable[[str], None]) -> Iterator[RayHead]:
    """A Ray head for as long as the context lasts.

    Its logs are removed with it, unless the context ends in an error: then they stay and are named.

    Args:
        say: takes a line where something must be known.

    Raises:
        PrerequisiteError: it does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="tte2-ray-", dir=HOME))
    environment = own_environment(folder, os.environ)
    failed = False
    try:
        yield _start(folder, environment, say)
    except Exception:
        failed = True
        raise
    finally:
        _stop(folder)
        if failed:
            say(f"its logs are kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def own_environment(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of Ray's processes, with a fresh token in `folder`.

    Args:
        folder: of this head; the token is written to `token` in it, for its owner alone.
        given: the environment to start from; what would lead to another cluster is left out.
    """
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    others = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_AUTH_TOKEN", "RAY_JOB_ID", "RAY_TMPDIR")
    return {
        **{name: value for name, value in given.items() if name not in others},
        # A job says `python` and means that of this environment.
        "PATH": os.pathsep.join([str(RAY_CLI.parent), given.get("PATH", os.defpath)]),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",  # nobody else is served
        "RAY_DASHBOARD_STARTUP_TIMEOUT_S": str(START_TIMEOUT_S),
        "OMP_NUM_THREADS": "1",
    }


def start_command(folder: Path, ports: tuple[int, ...]) -> list[str]:
    """`ray start`, on ports that no other Ray of the machine has.

    Args:
        folder: of its sessions.
        ports: of GCS, dashboard, dashboard agent and Ray client.
    """
    gcs, dashboard, agent, client = map(str, ports)
    return [
        str(RAY_CLI), "start", "--head", "--block", "--disable-usage-stats",
        "--node-ip-address", "127.0.0.1", "--port", gcs, "--temp-dir", str(folder),
        "--include-dashboard", "true", "--dashboard-host", "127.0.0.1",
        "--dashboard-port", dashboard, "--dashboard-agent-listen-port", agent,
        "--ray-client-server-port", client, "--min-worker-port", "0", "--max-worker-port", "0",
        "--num-cpus", str(LOGICAL_CPUS), "--object-store-memory", str(OBJECT_STORE_BYTES),
    ]  # fmt: skip


def free_ports(count: int) -> tuple[int, ...]:
    """Ports of the loopback that nobody listens on now, all different."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return tuple(int(probe.getsockname()[1]) for probe in probes)


def processes_with(marker: str) -> list[int]:
    """The processes of this machine whose environment holds `marker`, this one left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            holds = marker.encode() in (entry / "environ").read_bytes()
        except OSError:  # it has ended, or belongs to somebody else
            continue
        if holds:
            found.append(int(entry.name))
    return found


def _start(folder: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> RayHead:
    """Starts a head; tries again where Ray gave its own node up because the machine was busy."""
    log = folder / "ray-start.log"
    for left in reversed(range(ATTEMPTS)):
        ports = free_ports(4)
        with log.open("wb") as out:
            process = subprocess.Popen(
                start_command(folder, ports), env=environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
        head = RayHead(address=f"http://127.0.0.1:{ports[1]}", environment=environment)
        if _comes_up(head, process, log):
            return head
        _stop(folder)
        if not left or _GAVE_UP not in log.read_text(errors="replace"):
            break
        say("the machine was too busy for Ray to start in its 30 s; trying again")
    said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    last = said[-1][:300] if said else "nothing"
    raise PrerequisiteError(f"the local Ray does not start; its last words in {log}: {last}")


def _comes_up(head: RayHead, process: "subprocess.Popen[bytes]", log: Path) -> bool:
    """Waits until the node stands and takes jobs; False if it ended, or not within the timeout."""
    deadline = time.monotonic() + START_TIMEOUT_S
    token = Path(head.environment["RAY_AUTH_TOKEN_PATH"]).read_text()
    while process.poll() is None and time.monotonic() < deadline:
        # The dashboard answers before the node is registered, which may still fail.
        if _STARTED in log.read_text(errors="replace") and _takes_jobs(head.address, token):
            return True
        time.sleep(0.2)
    return False


def _takes_jobs(address: str, token: str) -> bool:
    """Whether the head's job API answers; submitting a job goes through its agent."""
    asked = urllib.request.Request(
        f"{address}/api/jobs/", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(folder: Path) -> None:
    """Ends the head and all that came of it: what has the path of its token in the environment."""
    marker = f"RAY_AUTH_TOKEN_PATH={folder / 'token'}"
    for sign, wait_s in ((signal.SIGTERM, STOP_TIMEOUT_S), (signal.SIGKILL, STOP_TIMEOUT_S)):
        for pid in processes_with(marker):
            with suppress(ProcessLookupError):
                os.kill(pid, sign)
        deadline = time.monotonic() + wait_s
        while processes_with(marker) and time.monotonic() < deadline:
            time.sleep(0.1)
