"""`make test` shows every check, and holds only if all do."""

import json
from pathlib import Path

import pytest

from tools import checks, shown


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

    def run(name: str) -> tuple[int, str]:
        ran.append(name)
        return int(name == "lint"), f"{name} was run\n"

    assert checks.main(["lint", "types", "on-ray"], run) == 5
    assert sorted(ran) == ["lint", "on-ray", "types"]
    assert "== types\ntypes was run\n" in capsys.readouterr().out
    assert [(row["name"], row["value"], row["holds"]) for row in read(build)[:3]] == [
        ("make lint", 1, False),
        ("make types", 0, True),
        ("make on-ray", 0, True),
    ]
    assert checks.main(["lint"], lambda name: (0, "")) == 0
    assert all(row["holds"] for row in read(build))


def test_the_checks_have_so_many_minutes() -> None:
    assert checks.rows({"on-ray": 0}, checks.MOST_MINUTES - 0.1)[-1].holds
    assert not checks.rows({"on-ray": 0}, checks.MOST_MINUTES)[-1].holds


def test_a_run_that_ends_early_leaves_nothing_of_an_earlier_one(build: Path) -> None:
    assert checks.main(["on-ray"], lambda name: (0, "")) == 0

    def interrupted(name: str) -> tuple[int, str]:
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
