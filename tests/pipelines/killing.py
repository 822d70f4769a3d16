"""Jobs in processes of their own, killed at a moment that is seen in the store."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import psutil

from tte2_ray.artifacts.store import Store

ROOT = Path(__file__).parent.parent.parent
POLL_S = 0.02


def start_job(overrides: Sequence[str], log: TextIO) -> "subprocess.Popen[str]":
    """The command of the README, in a process of its own."""
    command = [sys.executable, "jobs/index_corpus.py", *overrides]
    return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, text=True)


def kill_when(job: "subprocess.Popen[str]", reached: Callable[[], bool], timeout_s: float) -> None:
    """SIGKILL to a driver as soon as something holds; it is an error if it ends before."""
    deadline = time.monotonic() + timeout_s
    while not reached():
        assert job.poll() is None, "the job ended before it could be killed"
        assert time.monotonic() < deadline, "the moment to kill the job did not come"
        time.sleep(POLL_S)
    job.kill()
    job.wait(timeout=30)


def done_shards(store: Store, folder: str) -> dict[str, str]:
    """The tables of shards whose markers stand, with their versions: what must not change."""
    found: dict[str, str] = {}
    for key, _ in store.list(folder):
        table = key.replace(".done.json", ".parquet")
        if key.endswith(".done.json") and (stat := store.stat(table)):
            found[table] = stat.version
    return found


def worker_of(stage: str) -> psutil.Process | None:
    """The Ray worker, descended from this process, that holds a stage."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has ended
            if stage in " ".join(process.cmdline()):
                return process
    return None


def kill_worker(stage: str, timeout_s: float) -> int:
    """SIGKILL to the worker of a stage, once it is there; its process id."""
    deadline = time.monotonic() + timeout_s
    while (worker := worker_of(stage)) is None:
        assert time.monotonic() < deadline, f"no worker of {stage} came"
        time.sleep(POLL_S)
    worker.kill()
    return worker.pid
