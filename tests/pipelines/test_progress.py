"""What an operator reads while a phase runs."""

import io
import time
from collections.abc import Iterator

import pytest

from tte2_ray.pipelines import progress
from tte2_ray.pipelines.progress import PhaseProgress
from tte2_ray.stages.counts import Counts


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def shards(count: int, seconds: float = 0.01, tokens: int = 50) -> Iterator[Counts]:
    """Shards of ten rows, one after another."""
    for _ in range(count):
        time.sleep(seconds)
        yield Counts(rows=10, done=9, rejected=1, prompt_tokens=tokens, seconds=seconds)


def test_a_log_gets_a_first_and_a_last_line() -> None:
    out = io.StringIO()
    list(PhaseProgress("reason", 30, 5, out).follow(shards(3)))
    first, last = out.getvalue().splitlines()
    assert first.startswith("reason       0/30 rows · 5 reused · no shard done yet")
    for said in ("30/30 rows", "rows/s", "tokens/s", "3 rejected", " in "):
        assert said in last


def test_a_phase_without_rows_is_one_line() -> None:
    out = io.StringIO()
    assert list(PhaseProgress("embed", 0, 40, out).follow(iter(()))) == []
    assert out.getvalue() == "embed        0/0 rows · 40 reused · nothing to do\n"


def test_rates_leave_the_start_of_the_engine_out() -> None:
    one = PhaseProgress("reason", 20, 0, io.StringIO())

    def started_late() -> Iterator[Counts]:
        time.sleep(0.3)
        yield from shards(2, 0.05)

    list(one.follow(started_late()))
    assert one.working_s < one.seconds - 0.25
    assert one.rate() == pytest.approx(20 / one.working_s, rel=0.2)


def test_a_terminal_is_told_of_the_time_that_is_left_on_one_line() -> None:
    out = Terminal()
    list(PhaseProgress("load", 20, 0, out).follow(shards(2, tokens=0)))
    assert out.getvalue().count("\n") == 1
    assert "0s left" in out.getvalue()
    assert "tokens/s" not in out.getvalue(), "a phase without a model"


def test_a_log_hears_of_a_phase_in_which_nothing_is_done_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "LIVE_EVERY_S", 0.02)
    monkeypatch.setattr(progress, "STILL_EVERY_S", 0.1)
    out = io.StringIO()
    list(PhaseProgress("reason", 10, 0, out).follow(shards(1, 0.35)))
    waiting = [line for line in out.getvalue().splitlines() if "no shard done yet" in line]
    assert 3 <= len(waiting) <= 5


def test_an_error_does_not_stand_in_the_live_line() -> None:
    def failing() -> Iterator[Counts]:
        yield Counts(rows=10, done=10, seconds=0.01)
        raise RuntimeError("boom")

    out = Terminal()
    with pytest.raises(RuntimeError, match="boom"):
        list(PhaseProgress("reason", 20, 0, out).follow(failing()))
    assert out.getvalue().endswith("\n")
