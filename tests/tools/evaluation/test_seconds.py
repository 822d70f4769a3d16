"""A run that goes on from another tells the time of both."""

from pathlib import Path

import pytest

from tools.evaluation import seconds
from tools.evaluation.seconds import seconds_so_far


def run(folder: Path, clock: list[float], takes: float, *, fails: bool = False) -> float:
    """The seconds that a run tells."""
    with seconds_so_far(folder) as so_far:
        clock[0] += takes
        if fails:
            raise RuntimeError
    return so_far()


def test_runs_in_one_folder_add_up_and_one_that_failed_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(seconds.time, "monotonic", lambda: clock[0])
    folder = tmp_path / "made"
    with pytest.raises(RuntimeError):
        run(folder, clock, 5, fails=True)
    clock[0] += 1000
    assert run(folder, clock, 7) == 12
    assert run(folder, clock, 0.5) == 12.5
    assert run(tmp_path / "other", clock, 3) == 3
