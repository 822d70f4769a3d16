"""Results that several runs made tell the time of all of them."""

from pathlib import Path

import pytest

from tools.evaluation import seconds
from tools.evaluation.seconds import seconds_of


class Clock:
    """A monotonic clock that moves when it is told to."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(seconds, "time", made)
    return made


def run(file: Path, clock: Clock, takes: float, *, of: str = "one", fails: bool = False) -> float:
    """The seconds that a run tells, which it began one second ago."""
    with seconds_of(file, of, clock.now - 1) as so_far:
        clock.now += takes
        if fails:
            raise RuntimeError
    return so_far()


def test_runs_of_the_same_results_add_up_until_one_comes_to_its_end(
    tmp_path: Path, clock: Clock
) -> None:
    file = tmp_path / "seconds.json"
    with pytest.raises(RuntimeError):
        run(file, clock, 5, fails=True)
    clock.now += 1000
    assert run(file, clock, 7) == 14
    assert run(file, clock, 0.5) == 14, "everything was there"
    with pytest.raises(RuntimeError):
        run(file, clock, 5, fails=True)
    assert run(file, clock, 0.5) == 14


def test_other_results_begin_anew(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "seconds.json"
    run(file, clock, 5)
    assert run(file, clock, 2, of="another") == 3
    assert run(tmp_path / "elsewhere.json", clock, 4) == 5
