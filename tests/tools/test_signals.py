"""Ctrl-C, `kill` and a closed terminal unwind, once."""

import os
import signal

import pytest

from tools.signals import termination_is_interruption


def work(number: signal.Signals, ended: list[str]) -> None:
    """Is interrupted, and interrupted again while it ends."""
    with termination_is_interruption():
        try:
            os.kill(os.getpid(), number)
            ended.append("not interrupted")
        finally:
            os.kill(os.getpid(), number)
            ended.append("what was started has ended")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_unwinds_and_a_second_does_not_disturb_that(number: signal.Signals) -> None:
    before, ended = signal.getsignal(number), list[str]()
    with pytest.raises(KeyboardInterrupt):
        work(number, ended)
    assert ended == ["what was started has ended"]
    assert signal.getsignal(number) is before
