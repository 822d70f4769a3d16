"""Who may work on an index, one at a time: a lease in the store, with an expiry and a number.

The highest number that was taken holds. A higher one is taken where the holder let go, where its
process is seen to be gone, or where its beat was not replaced for `expiry_s` on the clock of who
waits: no clock is compared with another, so that one that jumps changes nothing. A holder that was
paused takes the next number itself before it writes again, which fails where another was first:
the number fences.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import TextIO

from tte2_ray.artifacts.lease_records import LeaseRecords
from tte2_ray.artifacts.store import Store
from tte2_ray.config import require_at_least, speed
from tte2_ray.errors import PrerequisiteError, RuntimeFailure, TteError

_BEATS = 4
"""In the time after which a holder counts as dead."""
_SAFE = 0.75
"""Share of that time for which a holder need not ask whether it still holds."""
_POLL_S = 1.0
_HINT = "let it end, end it, or queue behind it with lease.wait_s=3600"


@dataclass(frozen=True, kw_only=True)
class LeaseConfig:
    """How long a holder that is silent is waited for, and one that lives."""

    expiry_s: float = speed(60.0)
    """Seconds without a sign of life after which another job may take over; of two that differ, the
    longer counts. A holder on the same machine whose process is gone is not waited for."""
    wait_s: float = speed(0.0)
    """Seconds that a job waits in the queue behind one that lives; 0 refuses."""

    def __post_init__(self) -> None:
        require_at_least(0.5, self, ("expiry_s",), "lease.")
        require_at_least(0, self, ("wait_s",), "lease.")


class LeaseHeldError(PrerequisiteError):
    """Another job, which lives, works on this."""


class LeaseLostError(RuntimeFailure):
    """This job was silent for so long that another took over: it must not write any more."""


class Lease:
    """A lease that is held; made by `held`.

    Args:
        records: where it stands.
        number: that was taken.
        taken: when, at the latest, that was not yet so, on this clock.
        expiry_s: see `LeaseConfig`.
    """

    def __init__(self, records: LeaseRecords, number: int, taken: float, expiry_s: float) -> None:
        self._records, self.number = records, number
        self._expiry_s = expiry_s
        self._confirmed = taken
        self._beats = 0
        self._lost = False
        self._lock = Lock()

    def require(self) -> None:
        """Returns while this process may write; costs a request only after a long silence.

        Raises:
            LeaseLostError: another has taken over.
        """
        with self._lock:
            if not self._lost and self._is_safe():
                return
            self._lost = self._lost or not self._take_next()
            if self._lost:
                raise LeaseLostError(
                    f"{self._records.uri}: this job was silent for more than "
                    f"{self._expiry_s:g} s (lease.expiry_s), and another took over; it writes "
                    "nothing more. Once the other has ended, the same command goes on from there"
                )

    def beat(self) -> None:
        """Says that the holder lives, unless another has taken over all the same: one that waited
        for less than this one's `expiry_s`, or that could not see that it lives."""
        with self._lock:
            if self._lost:
                return
            if not self._is_safe():
                self._lost = not self._take_next()
                return
            began = _now()
            if self._records.is_taken(self.number + 1):
                self._lost = True
                return
            self._beats += 1
            self._records.beat(self.number, self._beats)
            self._confirmed = began

    def end(self) -> None:
        """Lets go, so that the next one need not wait."""
        with self._lock:
            if not self._lost:
                self._records.end(self.number)

    def _is_safe(self) -> bool:
        return _now() - self._confirmed < _SAFE * self._expiry_s

    def _take_next(self) -> bool:
        began = _now()
        if not self._records.take(self.number + 1, self._expiry_s):
            return False
        self.number, self._confirmed = self.number + 1, began
        return True


def held(
    store: Store, name: str, config: LeaseConfig, out: TextIO
) -> AbstractContextManager[Lease]:
    """Holds the lease of an index, or of something else (see `LeaseRecords`): as `holding`."""
    return holding(LeaseRecords(store, name), config, out, _HINT)


@contextmanager
def holding(records: LeaseRecords, config: LeaseConfig, out: TextIO, hint: str) -> Iterator[Lease]:
    """Holds a lease, with a sign of life in the background.

    Args:
        records: where it stands, in a store that all share who may want it.
        config: how long to wait.
        out: told when there is somebody to wait for.
        hint: what to do where another holds it.

    Raises:
        LeaseHeldError: another job lives, and `wait_s` is over.
    """
    lease = Lease(records, *_acquire(records, config, out, hint), config.expiry_s)
    ended = Event()
    beating = Thread(target=_beat, args=(lease, ended, config.expiry_s / _BEATS), daemon=True)
    beating.start()
    try:
        yield lease
    finally:
        ended.set()
        beating.join()
        with suppress(TteError):  # a store that is gone: then it expires
            lease.end()


def _beat(lease: Lease, ended: Event, every_s: float) -> None:
    while not ended.wait(every_s):
        try:
            lease.beat()
        except TteError:
            # The store does not answer: whoever writes next finds out whether it still may.
            continue


def _acquire(
    records: LeaseRecords, config: LeaseConfig, out: TextIO, hint: str
) -> tuple[int, float]:
    """Takes the next number as soon as nobody who lives has the last; the number, and when."""
    began, told = _now(), 0
    seen: tuple[int, str] | None = None
    silent_since = began
    while True:
        number, asked = records.highest(), _now()
        if records.is_free(number):
            if records.take(number + 1, config.expiry_s):
                break
            continue  # another was first
        expiry_s = max(config.expiry_s, records.expiry_s(number))
        now, beat = _now(), (number, records.beat_version(number))
        if beat != seen:
            lives = seen is not None and seen[0] == number
            if lives and now - began >= config.wait_s:
                raise LeaseHeldError(f"{records.describe(number)}, and it lives: {hint}")
            seen, silent_since = beat, now
        elif now - silent_since >= expiry_s and records.take(number + 1, config.expiry_s):
            break
        elif told != number:  # at the second look: many let go at once
            told = number
            out.write(f"lease  {records.describe(number)}; waiting for it to end, or "
                      f"to be silent for {expiry_s:g} s\n")  # fmt: skip
            out.flush()
        time.sleep(min(_POLL_S, config.expiry_s / (2 * _BEATS)))
    records.forget_before()
    return number + 1, asked


def _now() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
