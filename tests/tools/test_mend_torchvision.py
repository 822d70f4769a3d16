"""What `make setup` does about torchvision, by what importing it says there."""

import sysconfig
from pathlib import Path

import pytest

from tools import mend_torchvision as module
from tools.mend_torchvision import HOOK, MISSING_OPERATOR, main

CUDA_BUILD = f"RuntimeError: {MISSING_OPERATOR}"
FINDER = """
import sys

class Finder:
    def find_spec(name, path=None, target=None):
        return None

sys.meta_path.append(Finder)
"""
NEEDS_FINDER = f"""
import sys

if not any(getattr(each, "__module__", "") == {HOOK.stem!r} for each in sys.meta_path):
    raise RuntimeError({MISSING_OPERATOR!r})
"""
OTHER = "ModuleNotFoundError: No module named 'torchvision'"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A double of the environment's library folder: the real one is not to be touched."""
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    return tmp_path


def torchvision(
    monkeypatch: pytest.MonkeyPatch, library: Path, unmended: str, mended: str = ""
) -> None:
    """A double of importing torchvision, which takes seconds and fails on few machines.

    Args:
        monkeypatch: takes it back.
        library: where the hook is looked for.
        unmended: what importing says without the hook.
        mended: what it says with it.
    """

    def import_error(before: str = "") -> str:
        hooked = (library / HOOK.name).exists() and (library / f"{HOOK.stem}.pth").exists()
        return mended if hooked and not before else unmended

    monkeypatch.setattr(module, "import_error", import_error)


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_a_torchvision_for_cuda_is_given_the_hook(
    library: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torchvision(monkeypatch, library, CUDA_BUILD)
    assert main() == 0
    assert names(library) == {HOOK.name, f"{HOOK.stem}.pth"}
    assert (library / HOOK.name).read_text() == HOOK.read_text()
    assert (library / f"{HOOK.stem}.pth").read_text() == f"import {HOOK.stem}\n"
    assert "mended" in capsys.readouterr().out
    assert main() == 0
    assert names(library) == {HOOK.name, f"{HOOK.stem}.pth"}, "it is still needed"


def test_where_it_imports_by_itself_nothing_is_written_and_an_old_hook_is_taken_out(
    library: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (library / "other.pth").touch()
    torchvision(monkeypatch, library, unmended="")
    assert main() == 0
    assert names(library) == {"other.pth"}
    torchvision(monkeypatch, library, CUDA_BUILD)
    assert main() == 0
    assert len(names(library)) == 3
    torchvision(monkeypatch, library, unmended="")
    capsys.readouterr()
    assert main() == 0
    assert names(library) == {"other.pth"}
    assert capsys.readouterr().out == "torchvision imports by itself: nothing to mend\n"


@pytest.mark.parametrize("unmended", [OTHER, CUDA_BUILD])
def test_what_the_hook_does_not_mend_is_said_and_ends_setup(
    unmended: str, library: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    torchvision(monkeypatch, library, unmended, mended=OTHER)
    assert main() == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert OTHER in said.err
    assert "install a torchvision that matches torch" in said.err
    assert bool(names(library)) == (unmended == CUDA_BUILD), "the hook is for one error alone"


def test_a_fresh_process_imports_it_with_the_hook_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Doubles of torchvision and of the hook: the real ones load torch."""
    doubles = {
        HOOK.stem: FINDER,
        "torchvision": NEEDS_FINDER,
        "sitecustomize": f"import {HOOK.stem}",
    }
    for name, code in doubles.items():
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert module.import_error() == ""
    assert CUDA_BUILD in module.import_error_without_hook()
    (tmp_path / "torchvision.py").write_text("raise SystemExit(9)")
    assert module.import_error() == "exit status 9"
