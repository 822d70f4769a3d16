"""A terminal that closes and a `kill` end a target as Ctrl-C does: by unwinding."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def termination_is_interruption() -> Iterator[None]:
    """Raises KeyboardInterrupt once for SIGINT, SIGTERM and SIGHUP; later ones are ignored.

    A second Ctrl-C of an impatient person must not stop the ending of what was started.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in _SIGNALS:
            signal.signal(each, _ignored)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _ignored(number: int, frame: FrameType | None) -> None:
    """A handler, not SIG_IGN, which child processes would inherit."""
