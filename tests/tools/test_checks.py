"""`make test` shows every check, and holds only if all do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import checks, shown
from tools.checks import Ran


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the targets of this test write; those of a person stay as they are."""
    monkeypatch.setattr(checks, "begin", lambda target: shown.begin(target, tmp_path))
    monkeypatch.setattr(
        checks, "conclude", lambda target, rows: shown.conclude(target, rows, tmp_path)
    )
    return tmp_path


def read(build: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads((build / "test.json").read_text())["rows"]
    return rows


def test_a_check_that_fails_hides_no_other_one(
    build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []

    def run(name: str) -> Ran:
        ran.append(name)
        return Ran(status=int(name == "lint"), said=f"{name} was run\n")

    assert checks.main(["lint", "types", "on-ray"], run) == 5
    assert sorted(ran) == ["lint", "on-ray", "types"]
    assert "== types\ntypes was run\n" in capsys.readouterr().out
    assert [(row["name"], row["value"], row["holds"]) for row in read(build)[:3]] == [
        ("make lint", 1, False),
        ("make types", 0, True),
        ("make on-ray", 0, True),
    ]
    assert checks.main(["lint"], lambda name: Ran(status=0)) == 0
    assert all(row["holds"] for row in read(build))


def test_tests_are_counted_by_what_came_of_them(tmp_path: Path) -> None:
    file, report = tmp_path / "test_some.py", tmp_path / "reports" / "some.xml"
    file.write_text(
        "import pytest\n"
        "@pytest.fixture\ndef broken(): raise ValueError\n"
        "def test_error(broken): pass\n"
        "def test_failed(): assert False\n"
        "@pytest.mark.parametrize('n', range(3))\ndef test_passed(n): pass\n"
        "def test_skipped(): pytest.skip('why')\n"
    )
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, str(file)]
    environment = os.environ | {"PYTEST_ADDOPTS": f"-p no:cacheprovider --junit-xml={report}"}
    done = subprocess.run(command, env=environment, cwd=tmp_path, check=False, capture_output=True)
    ran = Ran(status=done.returncode, tests=checks.counted(report))
    found = checks.rows({"lint": Ran(status=0), "lower": ran}, 1.0)
    assert [(row.name, row.value, row.holds) for row in found[:-1]] == [
        ("make lint", 0, True),
        ("make lower", 1, False),
        ("make lower, passed", 3, True),
        ("make lower, failed", 2, True),
        ("make lower, skipped", 1, True),
    ]
    report.write_bytes(report.read_bytes()[:100])
    assert checks.counted(report) == {}, "cut off"
    assert checks.counted(tmp_path / "of nothing.xml") == {}


def test_the_checks_have_so_many_minutes() -> None:
    assert checks.rows({"on-ray": Ran(status=0)}, checks.MOST_MINUTES - 0.1)[-1].holds
    assert not checks.rows({"on-ray": Ran(status=0)}, checks.MOST_MINUTES)[-1].holds


def test_a_run_that_ends_early_leaves_nothing_of_an_earlier_one(build: Path) -> None:
    assert checks.main(["on-ray"], lambda name: Ran(status=0)) == 0

    def interrupted(name: str) -> Ran:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checks.main(["on-ray"], interrupted)
    assert not (build / "test.json").exists()


def test_every_target_that_shows_rows_begins_by_forgetting_the_last() -> None:
    """The others need engines to run; that each calls `begin` is read off their source."""
    mains = ["tools/checks.py", "tools/demo/__main__.py", "tools/real_corpus/__main__.py",
             "benchmarks/parts.py", "benchmarks/mini_eval/__main__.py"]  # fmt: skip
    without = [name for name in mains if "begin(" not in (shown.ROOT / name).read_text()]
    assert without == []
