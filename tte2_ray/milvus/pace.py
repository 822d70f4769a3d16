"""How fast a writer sends: additive increase, multiplicative decrease, with jitter.

denied ─▶ rate halves, pause (doubling, jittered) ─▶ … patience spent ─▶ gives up
accepted ─▶ rate grows by a twentieth of what it was when the server first said no
"""

import random
import threading
import time
from collections.abc import Callable

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class Pace:
    """The rows a second that one writer sends; unlimited until the server first says no.

    Args:
        patience_s: seconds since the first refusal after the last accepted request, until `denied`
            says to give up. A writer that has nothing to send loses none of it.
        clock, sleep: the time, replaced in tests.
        seed: of the jitter; None draws one, so that writers do not come back in step.
    """

    def __init__(
        self,
        patience_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        seed: int | None = None,
    ) -> None:
        self.rate: float | None = None
        """Rows per second allowed; None is unlimited."""
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._step = 0.0
        self._seen_rate = 0.0
        self._denials = 0
        self._next_at = clock()
        self._refused_since: float | None = None

    def wait_for_turn(self, rows: int) -> None:
        """Sleep until `rows` more may be sent at the present rate."""
        with self._lock:
            now = self._clock()
            start = max(now, self._next_at)
            if self.rate is not None:
                self._next_at = start + rows / self.rate * self._random.uniform(0.9, 1.1)
        if start > now:
            self._sleep(start - now)

    def accepted(self, rows: int, took_s: float) -> None:
        """The server took `rows` in `took_s` seconds: a little faster from now on."""
        with self._lock:
            self._seen_rate = rows / max(took_s, 1e-6)
            self._denials = 0
            self._refused_since = None
            if self.rate is not None:
                self.rate += self._step

    def denied(self, rows: int) -> bool:
        """The server said no to `rows`: half as fast from now on, after a pause.

        Returns:
            False once the patience is spent; the caller then gives up.
        """
        with self._lock:
            if self.rate is None:
                self._step = max((self._seen_rate or rows) / 20, 1.0)
            self.rate = max((self.rate or self._seen_rate or rows) / 2, 1.0)
        return self._pause()

    def failed(self) -> bool:
        """The connection broke: pause, then the same request again; see `denied`."""
        return self._pause()

    def _pause(self) -> bool:
        with self._lock:
            self._denials += 1
            now = self._clock()
            if self._refused_since is None:
                self._refused_since = now
            if now - self._refused_since > self._patience_s:
                return False
            pause_s = min(_FIRST_PAUSE_S * 2 ** min(self._denials - 1, 10), _LONGEST_PAUSE_S)
            pause_s *= self._random.uniform(0.5, 1.5)
        self._sleep(pause_s)
        return True
