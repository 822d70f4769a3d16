"""One child process, as its parent holds it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from signal import strsignal
from typing import Any

from tte2_ray.errors import RowError, RowErrorClass, RuntimeFailure
from tte2_ray.media.decoders import Seen, Visual
from tte2_ray.media.isolated.answers import check_size, ran_out_of_memory, seen_of
from tte2_ray.media.isolated.wire import Header, WireError, receive, send
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.uri import shown

MODULE = "tte2_ray.media.isolated.child"
"""What a child runs."""
START_TIMEOUT_S = 120.0
"""It takes a quarter of a second, on a machine that is not busy."""
_ENVIRONMENT = ("LD_LIBRARY_PATH", "LANG", "LC_ALL", "PYTHONHOME")
"""All that a child is told of ours: no credentials, no proxies, no settings of engines."""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_KEPT = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
"""Memory that the C library keeps for the next picture: to fetch it anew from the kernel each time
takes up to half of a picture's time."""


class ChildLost(Exception):
    """A child is of no use any more.

    Args:
        refusal: of the file that it was asked for.
        curable: another child might decode the file: this one had decoded others before.
    """

    def __init__(self, refusal: RowError, *, curable: bool) -> None:
        super().__init__(refusal.message)
        self.refusal, self.curable = refusal, curable


class ChildProcess:
    """Starts, and waits until it may be asked.

    The thread that makes it must not end before it: Linux takes that thread for the parent with
    which a child is to end.

    Args:
        module: that it runs.

    Raises:
        RuntimeFailure: it does not start.
    """

    def __init__(self, module: str = MODULE) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(os.getpid())],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=_environment(),
            )
        self._limits: MediaLimits | None = None
        self._used = False
        try:
            receive(self._socket, time.monotonic() + START_TIMEOUT_S, lambda *_: None)
        except (WireError, OSError) as error:
            self.end()
            message = "a process that decodes media does not start; its standard error says why"
            raise RuntimeFailure(f"{message} ({error})") from error

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(self, visual: Visual, limits: MediaLimits, timeout_s: float) -> Seen:
        """Decodes a file.

        Args:
            visual: the file.
            limits: of its decoder.
            timeout_s: until the answer is there.

        Raises:
            RowError: the decoder's.
            ChildLost: it died, took too long, gave no sensible answer, or ran out of memory after
                it had decoded others. End it.
        """
        used, self._used = self._used, True
        deadline = time.monotonic() + timeout_s
        request: dict[str, Any] = {"kind": visual.kind, "uri": shown(visual.uri)}
        request["page"] = visual.page
        if limits != self._limits:
            request["limits"] = asdict(limits)
            self._limits = limits
        try:
            send(self._socket, request, visual.data, deadline)
            header, body = receive(self._socket, deadline, partial(check_size, limits=limits))
            return seen_of(header, body, visual.kind)
        except RowError as refusal:
            if used and ran_out_of_memory(header):
                raise ChildLost(refusal, curable=True) from refusal
            raise
        except TimeoutError as error:
            words = f"its decoder took over decode_timeout_s {limits.decode_timeout_s}"
            raise ChildLost(_died(visual, words), curable=False) from error
        except (WireError, OSError) as error:
            raise ChildLost(
                _died(visual, self.how_it_ended(error, "decoder")), curable=used
            ) from error

    def say(self, header: Header, body: bytes, deadline: float) -> None:
        """Sends a frame to a child that is asked for something else than media: see `wire.send`."""
        send(self._socket, header, body, deadline)

    def hear(
        self, deadline: float, check: Callable[[Header, int], None]
    ) -> tuple[Header, bytearray]:
        """Waits for a frame of such a child: see `wire.receive`."""
        return receive(self._socket, deadline, check)

    def end(self) -> None:
        """Kills the process where it still runs."""
        self._socket.close()
        self._process.kill()
        self._process.wait()

    def forget(self) -> None:
        """In a forked copy of the parent: leaves the process to the original."""
        self._socket.close()
        self._process.returncode = 0  # or Python would look after it here too

    def how_it_ended(self, error: Exception, what: str) -> str:
        """How the process ended; one that has not ended spoke nonsense.

        Args:
            error: what was seen of it.
            what: it is, for the message.
        """
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return f"its {what} gave no sensible answer: {error}"
        if code < 0:
            return f"its {what} was ended by signal {-code} ({strsignal(-code)})"
        return f"its {what} ended with status {code}"


def _died(visual: Visual, words: str) -> RowError:
    return RowError(RowErrorClass.DECODER_DIED, f"{shown(visual.uri)}: {words}")


def _environment() -> dict[str, str]:
    found = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    return found | _KEPT | dict.fromkeys(_ONE_THREAD, "1") | {"PYTHONPATH": paths}
