"""One live line a phase on a terminal; on a log, a plain line now and then."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size
from threading import Event, Lock, Thread
from typing import TextIO

from tte2_ray.stages.counts import Counts

LIVE_EVERY_S = 1.0
LOG_EVERY_S = 10.0
STILL_EVERY_S = 60.0
"""A log hears that often of a phase in which no shard came through."""


def duration(seconds: float) -> str:
    """Seconds in words for people.

    >>> duration(5.2), duration(200), duration(9000)
    ('5s', '3m20s', '2h30m')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


class PhaseProgress:
    """Counts what a phase does, and shows rates and the time left.

    Rates are those of the working engine: from the time that the first shard was begun, which
    starting the engine is no part of.

    Args:
        name: of the phase.
        rows: to do in this run.
        reused: rows whose shards were done before.
        out: a terminal or a log.
    """

    def __init__(self, name: str, rows: int, reused: int, out: TextIO = sys.stdout) -> None:
        self._name, self._rows, self._reused, self._out = name, rows, reused, out
        self._live = out.isatty()
        self._began = time.monotonic()
        self._working: float | None = None
        self._said_at = 0.0
        self._lock = Lock()
        self.counts = Counts()

    def follow(self, shards: Iterable[Counts]) -> Iterator[Counts]:
        """Passes counts through and shows them as they come."""
        if self._rows:
            self._say()
        with self._ticking():
            for one in shards:
                self._working = self._working or time.monotonic() - one.seconds
                self.counts += one
                if self._live or time.monotonic() - self._said_at > LOG_EVERY_S:
                    self._say()
                yield one
        self._say(last=True)

    @property
    def seconds(self) -> float:
        """Wall time of the phase so far, engine start included."""
        return time.monotonic() - self._began

    @property
    def working_s(self) -> float:
        """Wall time since the first shard was begun."""
        return time.monotonic() - self._working if self._working else 0.0

    def rate(self) -> float:
        """Rows a second of the phase so far, engine start left out."""
        return self.counts.rows / max(self.working_s, 1e-9)

    def line(self, *, last: bool = False) -> str:
        """What is shown.

        Args:
            last: the phase is over.
        """
        counts = self.counts
        parts = [f"{self._name:<6} {counts.rows:>7,}/{self._rows:,} rows"]
        if self._reused:
            parts.append(f"{self._reused:,} reused")
        if counts.rows:
            parts.append(f"{self.rate():,.1f} rows/s")
            if counts.tokens:
                parts.append(f"{counts.tokens / max(self.working_s, 1e-9):,.0f} tokens/s")
        if counts.rejected:
            parts.append(f"{counts.rejected:,} rejected")
        if last:
            parts.append(f"in {duration(self.seconds)}" if self._rows else "nothing to do")
        elif counts.rows:
            parts.append(f"{duration((self._rows - counts.rows) / self.rate())} left")
        else:
            parts.append(f"no shard done yet, {duration(self.seconds)}")
        return " · ".join(parts)

    def _say(self, *, last: bool = False) -> None:
        with self._lock:
            self._said_at, line = time.monotonic(), self.line(last=last)
            if self._live:
                # A line that wraps could not be taken back.
                line = line[: get_terminal_size().columns - 1]
                self._out.write(f"\r\x1b[2K{line}" + ("\n" if last else ""))
            else:
                self._out.write(f"{line}\n")
            self._out.flush()

    @contextmanager
    def _ticking(self) -> Iterator[None]:
        """Shows that time passes, also where no shard is done for long."""
        if not self._rows:
            yield
            return
        ended = Event()
        ticker = Thread(target=self._tick, args=(ended,), daemon=True)
        ticker.start()
        try:
            yield
        finally:
            ended.set()
            ticker.join()
            if self._live and sys.exc_info()[0]:
                self._out.write("\n")  # an error is no part of the line

    def _tick(self, ended: Event) -> None:
        every = LIVE_EVERY_S if self._live else STILL_EVERY_S
        while not ended.wait(LIVE_EVERY_S):
            if time.monotonic() - self._said_at >= every:
                self._say()
