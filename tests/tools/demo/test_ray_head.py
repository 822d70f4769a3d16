"""A real Ray head: it runs a job, is found by nobody else, and leaves nothing behind."""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.demo import ray_head
from tools.demo.ray_head import free_ports, local_ray, own_environment, processes_with
from tools.demo.submit import submit_job
from tte2_ray.errors import PrerequisiteError, RuntimeFailure

CODE = "import os, sys; print('ran in', sys.prefix, '|', 'token' in os.environ['RAY_AUTH_MODE'])"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the folders of this test's heads lie."""
    with tempfile.TemporaryDirectory(prefix="t", dir=ray_head.HOME) as folder:
        monkeypatch.setattr(ray_head, "HOME", folder)
        yield Path(folder)


def refuse(home: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """A double of Ray's command line on a machine where it fails."""
    script = home / "ray"
    script.write_text(f"#!/bin/sh\necho {words}\nexit 1\n")
    script.chmod(0o700)
    monkeypatch.setattr(ray_head, "RAY_CLI", script)


@pytest.mark.timeout(300)
def test_a_job_runs_is_heard_and_nothing_is_left(tmp_path: Path, home: Path) -> None:
    said: list[str] = []
    log = tmp_path / "job.log"
    with local_ray(said.append) as head:
        marker = head.environment["RAY_AUTH_TOKEN_PATH"]
        assert processes_with(marker)
        submit_job(head, ["python", "-c", CODE], log, said.append)
        with pytest.raises(RuntimeFailure, match=r"job\.log"):
            submit_job(head, ["python", "-c", "raise SystemExit(3)"], tmp_path / "job.log",
                       lambda line: None)  # fmt: skip
    *before, submitted, ran = said
    assert all("too busy" in line for line in before)
    assert submitted.startswith("$ ray job submit --address http://127.0.0.1:")
    assert ran == f"ran in {sys.prefix} | True"
    assert processes_with(marker) == []
    assert list(home.iterdir()) == []


def test_a_head_that_does_not_start_says_why_and_keeps_its_log(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(home, monkeypatch, "no room in /dev/shm")
    said: list[str] = []
    with pytest.raises(PrerequisiteError, match="no room in /dev/shm"), local_ray(said.append):
        raise AssertionError("it started")
    kept = Path(said[-1].removeprefix("its logs are kept in "))
    assert (kept / "ray-start.log").read_text() == "no room in /dev/shm\n"


def test_a_busy_machine_is_given_more_tries(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(home, monkeypatch, "The current node timed out during startup.")
    said: list[str] = []
    with pytest.raises(PrerequisiteError), local_ray(said.append):
        raise AssertionError("it started")
    assert ["too busy" in line for line in said] == [True] * (ray_head.ATTEMPTS - 1) + [False]


def test_the_token_is_its_owners_and_another_cluster_is_forgotten(tmp_path: Path) -> None:
    given = {"RAY_ADDRESS": "http://prod:8265", "RAY_AUTH_TOKEN": "of prod", "PATH": "/bin"}
    made = own_environment(tmp_path, given)
    assert not {"RAY_ADDRESS", "RAY_AUTH_TOKEN"} & set(made)
    token = Path(made["RAY_AUTH_TOKEN_PATH"])
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert len(token.read_text()) == 64
    assert made["PATH"].split(os.pathsep)[1:] == ["/bin"]


def test_free_ports_differ() -> None:
    assert len(set(free_ports(8))) == 8
