"""The clock of an engine: seconds with work count once, idle ones never."""

from tte2_ray.stages.metrics import EngineClock


class Told:
    """Stands for Ray's metrics, which take seconds to be served: keeps what it was told."""

    def __init__(self) -> None:
        self.time, self.seconds, self.requests = 100.0, 0.0, [0]

    def clock(self) -> EngineClock:
        return EngineClock(self._busy, self.requests.append, lambda: self.time)

    def _busy(self, seconds: float) -> None:
        self.seconds += seconds


def test_requests_that_overlap_count_their_time_once() -> None:
    told = Told()
    clock = told.clock()
    first, second = clock.request(), clock.request()
    first.__enter__()
    told.time += 2
    second.__enter__()
    told.time += 3
    first.__exit__(None, None, None)
    assert told.seconds == 5, "told at the end of each request, so that a long phase is seen"
    told.time += 4
    second.__exit__(None, None, None)
    assert told.seconds == 9
    assert told.requests == [0, 1, 2, 1, 0]


def test_an_idle_engine_counts_nothing_and_a_failed_request_counts() -> None:
    told = Told()
    clock = told.clock()
    with clock.request():
        told.time += 1
    told.time += 50
    try:
        with clock.request():
            told.time += 2
            raise ValueError
    except ValueError:
        pass
    assert told.seconds == 3
    assert told.requests[-1] == 0
