"""What Prometheus sees of a job, through Ray: each node serves it, at the port of its metrics.

    driver   rows, rejected rows, tokens, cut ECRs, time of shards (none while loading), rows left
    worker   seconds in which its engine had work, requests in it now

All by index and phase, so that the jobs of a cluster are told apart. Ray puts `ray_` in front of a
name and adds where a value comes from (node, worker, session). It reports every ten seconds: what
matters to the last row stands in results.json.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tte2_ray.stages.counts import Counts

if TYPE_CHECKING:
    from ray.util.metrics import Counter

LABELS = ("index", "phase")
"""On every metric."""
SHARD_SECONDS = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0]
"""Upper bounds of the histogram of shards."""

_SHARDS_TOGETHER = frozenset(("load",))
"""Phases that send shards in one stream: none has a time of its own."""


def _counter(name: str, description: str, *tags: str) -> "Counter":
    from ray.util.metrics import Counter

    return Counter(f"tte2_{name}", description=description, tag_keys=(*LABELS, *tags))


class PhaseMetrics:
    """Counts what a phase commits, on the driver: once a shard, whatever workers were replaced.

    Args:
        index: its name.
        phase: its name.
        rows: to do in this run.
    """

    def __init__(self, index: str, phase: str, rows: int) -> None:
        from ray.util.metrics import Gauge, Histogram

        self._tags, self._left = {"index": index, "phase": phase}, rows
        self._rows = _counter("rows", "Rows of committed shards", "outcome")
        self._rejected = _counter("rejected_rows", "Rejected rows", "error_class")
        self._tokens = _counter("tokens", "Tokens read and written by models", "kind")
        self._cut = _counter("truncated_ecrs", "ECRs that met their token limit")
        self._decode = _counter("decode_seconds", "Fetching and decoding, over all threads")
        self._shards = Histogram("tte2_shard_seconds", description="Wall time of a shard",
                                 boundaries=SHARD_SECONDS, tag_keys=LABELS)  # fmt: skip
        self._rows_left = Gauge("tte2_rows_left", description="Rows of the phase still to do",
                                tag_keys=LABELS)  # fmt: skip
        self._rows_left.set(rows, tags=self._tags)

    def follow(self, done: Iterable[Counts]) -> Iterator[Counts]:
        """Passes counts of shards through and records them."""
        for counts in done:
            self.record(counts)
            yield counts

    def record(self, counts: Counts) -> None:
        """Records one shard, or what was committed together."""
        tags = self._tags
        text = counts.prompt_tokens - counts.visual_tokens
        _add(self._rows, counts.done, {**tags, "outcome": "done"})
        _add(self._rows, counts.rejected, {**tags, "outcome": "rejected"})
        for name, rows in counts.classes.items():
            _add(self._rejected, rows, {**tags, "error_class": name})
        _add(self._tokens, text, {**tags, "kind": "text"})
        _add(self._tokens, counts.visual_tokens, {**tags, "kind": "visual"})
        _add(self._tokens, counts.output_tokens, {**tags, "kind": "output"})
        _add(self._cut, counts.truncated, tags)
        _add(self._decode, counts.decode_s, tags)
        if tags["phase"] not in _SHARDS_TOGETHER:
            self._shards.observe(counts.seconds, tags=tags)
        self._left = max(0, self._left - counts.rows)
        self._rows_left.set(self._left, tags=tags)


def _add(counter: "Counter", value: float, tags: dict[str, str]) -> None:
    if value > 0:  # Ray refuses an increment of nothing
        counter.inc(value, tags=tags)


class EngineClock:
    """Measures how long an engine has work, whatever the number of its requests.

    Args:
        busy: told the seconds since it was last told, at the end of each request.
        requests: told how many requests are in the engine, when that changes.
        now: a clock in seconds.
    """

    def __init__(
        self,
        busy: Callable[[float], object],
        requests: Callable[[int], object],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._busy, self._requests, self._now = busy, requests, now
        self._inside, self._since = 0, 0.0

    @contextmanager
    def request(self) -> Iterator[None]:
        """One request, for as long as the context lasts."""
        if not self._inside:
            self._since = self._now()
        self._inside += 1
        self._requests(self._inside)
        try:
            yield
        finally:
            now = self._now()
            self._busy(now - self._since)
            self._since = now
            self._inside -= 1
            self._requests(self._inside)


def engine_clock(index: str, phase: str) -> EngineClock:
    """The clock of a replica's engine, read by Ray."""
    from ray.util.metrics import Gauge

    tags = {"index": index, "phase": phase}
    seconds = _counter("engine_busy_seconds", "Seconds in which an engine had a request")
    inside = Gauge("tte2_engine_requests", description="Requests in an engine",
                   tag_keys=LABELS)  # fmt: skip
    return EngineClock(
        lambda value: _add(seconds, value, tags), lambda count: inside.set(count, tags=tags)
    )
