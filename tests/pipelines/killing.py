"""Jobs in processes of their own, killed at a moment that is seen in the store."""

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import psutil

from tte2_ray.artifacts.store import Store
from tte2_ray.pipelines.index.config import IndexConfig

ROOT = Path(__file__).parent.parent.parent
POLL_S = 0.02


def overrides_of(config: IndexConfig) -> list[str]:
    """What a process must be told to run the configuration of a test."""
    return [
        f"index={config.index}",
        f"store={config.store}",
        f"corpus.path={config.corpus.path}",
        f"corpus.rows_per_shard={config.corpus.rows_per_shard}",
        f"milvus.data_dir={config.milvus.data_dir}",
        f"milvus.uri={config.milvus.uri}",
        f"milvus.load={config.milvus.load}",
        f"milvus.bulk_uri={config.milvus.bulk_uri}",
        f"report_dir={config.report_dir}",
        "reasoner.engine.kind=fake",
        "embedder.engine.kind=fake",
        f"failure_budget={config.failure_budget}",
    ]


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


def done_shards(store: Store, folder: str) -> list[str]:
    """The markers of a phase."""
    return [key for key, _ in store.list(folder) if key.endswith(".done.json")]


def taken_up(log: str, phase: str) -> tuple[int, int]:
    """Rows that a run set about in a phase, and those that it found done, by its first line."""
    line = re.search(rf"^{phase} +0/([\d,]+) rows(?: · ([\d,]+) reused)?", log, re.MULTILINE)
    assert line, f"nothing is said of {phase} in: {log}"
    rows, reused = (int((n or "0").replace(",", "")) for n in line.groups())
    return rows, reused


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
