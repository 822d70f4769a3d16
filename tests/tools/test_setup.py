"""What `make setup` builds, and when: the script itself, with a double of Python."""

import os
import subprocess
from pathlib import Path

import pytest

from tools.shown import ROOT

PYTHON = """#!/usr/bin/env bash
# A double of Python 3.11 that writes down what it is asked: a real one would install gigabytes.
into="${{@: -1}}"
echo "$*" >>"{log}"
case "$*" in
*version_info*) echo 3.11 ;;
*"-m venv --clear"*) rm -rf "$into" && mkdir -p "$into/bin" && cp "$0" "$into/bin/python" ;;
*"--requirement"* | *"gpu,train,dev"*) exit "${{FAILS:-0}}" ;;
*libnuma*) exit "${{WITHOUT_NUMA:-0}}" ;;
*"import torch")
    case "${{TORCH:-cpu}}" in
    cuda) grep --quiet extra-index-url "{log}" ;;
    broken) exit 1 ;;
    esac ;;
esac
"""
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"


class Setup:
    """The script over one folder."""

    def __init__(self, folder: Path) -> None:
        self.venv, self._log, self._python = folder / "venv", folder / "log", folder / "python"
        self._python.write_text(PYTHON.format(log=self._log))
        self._python.chmod(0o755)

    def run(self, extra: str = "", fails: int = 0, **machine: str) -> tuple[int, str]:
        """The exit status and what was said.

        Args:
            extra: of the environment.
            fails: exit status of the installation.
            machine: what the double is told: WITHOUT_NUMA=1; TORCH=cuda, which imports once the
                CPU's builds were named, or TORCH=broken, which never does.
        """
        self._log.write_text("")
        given = {"PATH": os.environ["PATH"], "PYTHON": str(self._python), "VENV": str(self.venv),
                 "FAILS": str(fails)}  # fmt: skip
        done = subprocess.run(
            ["bash", str(ROOT / "tools" / "setup.sh")], text=True, check=False,
            env=given | machine | ({"EXTRA": extra} if extra else {}),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.returncode, done.stdout

    @property
    def did(self) -> str:
        """What the last run asked of Python, in words."""
        asked = self._log.read_text()
        parts = {"new": "-m venv", "cpu": "--requirement requirements/cpu.lock",
                 "gpu": ".[gpu,train,dev]", "again": f"--extra-index-url {CPU_BUILDS} torch==",
                 "without": "uninstall"}  # fmt: skip
        return " ".join(word for word, part in parts.items() if part in asked)


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path)


def test_the_lock_is_installed_once(setup: Setup) -> None:
    assert setup.run()[0] == 0
    assert setup.did == "new cpu"
    assert setup.run() == (0, "")
    assert setup.did == ""


def test_a_cuda_environment_stays_one_until_another_is_asked_for(setup: Setup) -> None:
    assert setup.run("gpu")[0] == 0
    assert setup.did == "new gpu"
    assert setup.run() == (0, "")
    (setup.venv / "setup.stamp").write_text("gpu of another lock\n")
    status, said = setup.run()
    assert (status, setup.did) == (0, "gpu")
    assert f"{setup.venv} was built with EXTRA=gpu, which is kept" in said
    assert setup.run("cpu")[0] == 0
    assert setup.did == "new cpu", "one is not installed over the other"
    assert setup.run() == (0, "")


def test_an_installation_that_broke_off_is_gone_on_with(setup: Setup) -> None:
    assert setup.run("gpu", fails=1)[0] != 0
    assert setup.did == "new gpu"
    assert setup.run()[0] == 0
    assert setup.did == "gpu"


def test_an_extra_that_there_is_none_of_is_refused(setup: Setup) -> None:
    status, said = setup.run("tpu")
    assert (status, setup.did) == (3, "")
    assert "EXTRA is cpu or gpu, not 'tpu'" in said


def test_a_torch_for_cuda_is_replaced_by_one_for_the_cpu(setup: Setup) -> None:
    status, said = setup.run(TORCH="cuda")
    assert (status, setup.did) == (0, "new cpu again without")
    assert CPU_BUILDS in said
    assert setup.run() == (0, ""), "it is ready"


def test_a_torch_that_never_imports_ends_it_and_is_not_left_behind(setup: Setup) -> None:
    status, said = setup.run(TORCH="broken")
    assert (status, setup.did) == (3, "new cpu again without")
    assert "no build of torch for the CPU was found" in said
    assert setup.run()[0] == 0
    assert setup.did == "cpu", "what was begun is gone on with"


def test_a_library_that_pip_cannot_install_is_asked_for_before_gigabytes_are(setup: Setup) -> None:
    status, said = setup.run(WITHOUT_NUMA="1")
    assert (status, setup.did) == (3, "new")
    assert "libnuma1" in said
    assert setup.run("gpu", WITHOUT_NUMA="1")[0] == 0, "vLLM's CUDA build does not need it"
