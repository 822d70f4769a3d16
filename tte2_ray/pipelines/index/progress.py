"""One live line a phase on a terminal; on a log, a plain line every few seconds."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TextIO

from tte2_ray.stages.work import ShardStats

LOG_EVERY_S = 10.0


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
    """Counts rows and tokens of a phase and shows rates and the time left.

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
        self._first: float | None = None
        self._said = 0.0
        self.rows = 0
        self.rejected = 0
        self.prompt_tokens = 0
        self.output_tokens = 0

    def follow(self, stats: Iterable[ShardStats]) -> Iterator[ShardStats]:
        """Passes stats through and shows them as they come."""
        self._say(self._line())
        for one in stats:
            # Rates count from the first shard on: starting an engine is not throughput.
            self._first = self._first or time.monotonic()
            self.rows += one.rows
            self.rejected += one.rejected
            self.prompt_tokens += one.prompt_tokens
            self.output_tokens += one.output_tokens
            if self._live or time.monotonic() - self._said > LOG_EVERY_S:
                self._say(self._line())
            yield one
        self._say(self._line(), last=True)

    @property
    def seconds(self) -> float:
        """Wall time of the phase so far, engine start included."""
        return time.monotonic() - self._began

    def rate(self) -> float:
        """Rows a second of the phase so far, engine start included."""
        return self.rows / max(self.seconds, 1e-9)

    def _line(self) -> str:
        parts = [f"{self._name:<6} {self.rows:>7,}/{self._rows:,} rows"]
        if self._reused:
            parts.append(f"{self._reused:,} reused")
        if self.rows:
            parts.append(f"{self.rate():,.1f} rows/s")
            tokens = (self.prompt_tokens + self.output_tokens) / max(self.seconds, 1e-9)
            if tokens:
                parts.append(f"{tokens:,.0f} tokens/s")
            left = (self._rows - self.rows) / self.rate()
            parts.append(f"{duration(left)} left" if left else duration(self.seconds))
        elif self._rows:
            parts.append("starting")
        if self.rejected:
            parts.append(f"{self.rejected:,} rejected")
        return " · ".join(parts)

    def _say(self, line: str, last: bool = False) -> None:
        self._said = time.monotonic()
        if self._live:
            self._out.write(f"\r\x1b[2K{line}" + ("\n" if last else ""))
        else:
            self._out.write(f"{line}\n")
        self._out.flush()
