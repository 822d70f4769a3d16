import pytest

from tte2_ray.milvus.pace import Pace


class FakeTime:
    """Stands in for the clock, so that minutes of waiting are tested in no time."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def _pace(time: FakeTime, patience_s: float = 60.0) -> Pace:
    return Pace(patience_s, clock=time.clock, sleep=time.sleep, seed=0)


def test_nothing_is_held_back_before_the_server_says_no() -> None:
    time = FakeTime()
    pace = _pace(time)
    for _ in range(100):
        pace.wait_for_turn(1000)
        pace.accepted(1000, took_s=0.1)
    assert time.now == 0.0


def test_a_denial_halves_the_rate_and_acceptance_raises_it_step_by_step() -> None:
    time = FakeTime()
    pace = _pace(time)
    pace.accepted(1000, took_s=1.0)
    assert pace.denied(1000)
    assert pace.rate == 500.0
    assert pace.denied(1000)
    assert pace.rate == 250.0
    pace.accepted(1000, took_s=1.0)
    assert pace.rate == 300.0


def test_the_rate_is_kept() -> None:
    time = FakeTime()
    pace = _pace(time)
    pace.accepted(100, took_s=1.0)
    pace.denied(100)
    started = time.now
    for _ in range(20):
        pace.wait_for_turn(50)  # at 50 rows a second
    assert 17.0 < time.now - started < 21.0


def test_pauses_grow_and_patience_ends() -> None:
    time = FakeTime()
    pace = _pace(time, patience_s=30.0)
    pauses = []
    while True:
        before = time.now
        if not pace.denied(10):
            break
        pauses.append(time.now - before)
    assert pauses[0] < 0.2
    assert max(pauses) <= 7.5
    assert 30.0 < time.now < 40.0


@pytest.mark.parametrize("wrote_before", [False, True])
def test_an_idle_writer_keeps_its_patience(wrote_before: bool) -> None:
    time = FakeTime()
    pace = _pace(time, patience_s=30.0)
    if wrote_before:
        assert pace.denied(10)
        pace.accepted(10, took_s=1.0)
    time.now += 1000.0  # the next rows take their time
    assert pace.denied(10)
    assert pace.failed()
    time.now += 31.0
    assert not pace.denied(10)


def test_writers_do_not_come_back_in_step() -> None:
    times = [FakeTime(), FakeTime()]
    for number, time in enumerate(times):
        Pace(60.0, clock=time.clock, sleep=time.sleep, seed=number).denied(10)
    assert times[0].now != times[1].now
