"""What a child process does: it decodes what its parent asks for, and ends with its parent.

Started as `python -m tte2_ray.media.isolated.child PARENT`, its socket as standard input. An error
that is no row error ends it, with a traceback on standard error; its parent starts another.
"""

import ctypes
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tte2_ray.errors import RowError
from tte2_ray.media.decoders import Seen, Visual, decode_visual
from tte2_ray.media.isolated.answers import refusal_header, seen_frame
from tte2_ray.media.isolated.wire import FOR_EVER, Header, WireError, receive, send
from tte2_ray.media.limits import MediaLimits

Decode = Callable[[Visual, MediaLimits], Seen]

_PR_SET_PDEATHSIG = 1


def main(decode: Decode = decode_visual) -> None:
    """Serves the parent whose process id stands on the command line.

    Args:
        decode: answers a request.
    """
    prepare(int(sys.argv[1]))
    with suppress(ConnectionError, WireError):  # the parent is gone
        _serve(socket.socket(fileno=0), decode)


def prepare(parent: int) -> None:
    """Ties this process to its parent, and makes it the first that is killed for memory.

    Args:
        parent: its process id.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent decides
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    # Where there is no such call, the end of the socket tells, once a request is answered.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit()


def _serve(parent: socket.socket, decode: Decode) -> None:
    limits = MediaLimits()
    send(parent, {"ready": True}, b"", FOR_EVER)
    while True:
        request, data = receive(parent, FOR_EVER, lambda *_: None)
        if "limits" in request:
            limits = _limits(request["limits"])
            bound_memory(limits.decode_memory_mb)
        header, body = _answer(request, bytes(data), limits, decode)
        send(parent, header, body, FOR_EVER)


def _answer(
    request: Header, data: bytes, limits: MediaLimits, decode: Decode
) -> tuple[Header, bytes | memoryview]:
    visual = Visual(kind=request["kind"], data=data, uri=request["uri"], page=request["page"])
    try:
        return seen_frame(decode(visual, limits))
    except RowError as error:
        return refusal_header(error), b""


def _limits(given: dict[str, Any]) -> MediaLimits:
    lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    return MediaLimits(**(given | lists))


def bound_memory(mebibytes: int) -> None:
    """Bounds what the process may write to, its interpreter and libraries included.

    RLIMIT_DATA, for RLIMIT_AS also counts some 200 MB of code that the libraries map. Nobody has to
    watch: a decoder that is refused memory says so and the process goes on, or it aborts.
    """
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (mebibytes << 20, most))


if __name__ == "__main__":
    main()
