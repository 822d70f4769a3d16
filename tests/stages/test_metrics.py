"""What is told to Prometheus: seconds with work count once, idle ones never; time of shards only
where a shard has its own."""

from collections import Counter
from typing import Any, ClassVar

import pytest

from tte2_ray.stages.counts import Counts
from tte2_ray.stages.metrics import EngineClock, PhaseMetrics


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


class Metric:
    """Stands for Ray's metrics, which only a running Ray tells of: counts what it was told."""

    told: ClassVar[Counter[str]] = Counter()

    def __init__(self, name: str, **_: Any) -> None:
        self._name = name

    def observe(self, value: float, tags: dict[str, str]) -> None:
        """One measured value."""
        self.told[f"{self._name} {tags['phase']}"] += 1

    inc = set = observe


@pytest.mark.parametrize(("phase", "shards"), [("reason", 2), ("embed", 2), ("load", 0)])
def test_only_shards_that_have_a_time_of_their_own_are_timed(
    monkeypatch: pytest.MonkeyPatch, phase: str, shards: int
) -> None:
    for kind in ("Counter", "Gauge", "Histogram"):
        monkeypatch.setattr(f"ray.util.metrics.{kind}", Metric)
    monkeypatch.setattr(Metric, "told", Counter())
    done = [Counts(rows=3, done=3, seconds=1.0), Counts(rows=3, done=3, seconds=2.0)]
    assert list(PhaseMetrics("films", phase, 6).follow(done)) == done
    assert Metric.told[f"tte2_shard_seconds {phase}"] == shards
    assert Metric.told[f"tte2_rows {phase}"] == 2
