"""A child whose decoder does what the file says: in place of decoders with holes, of which we know
none. All else is as in a real child; what the file says is named by `DEEDS`.
"""

import ctypes
import json
import os
import signal
import struct
import time
from collections.abc import Callable
from contextlib import nullcontext

from PIL import Image

from tte2_ray.media import MediaLimits
from tte2_ray.media.decoders import Seen, Visual
from tte2_ray.media.image import decoding
from tte2_ray.media.isolated.child import main

_kept: list[bytearray] = []
_before: list[str] = []


def _segfault() -> None:
    ctypes.memset(0, 1, 1)


def _block() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        pass


def _bloat() -> None:
    while True:
        _kept.append(bytearray(16 << 20))


def _leak() -> None:
    """Fits once, and never again in the same process."""
    _kept.append(bytearray(200 << 20))


def _crash_if_used() -> None:
    if _before:
        os.abort()


def _mistake() -> None:
    raise KeyError("a mistake of our own")


DEEDS: dict[str, Callable[[], None]] = {
    "fine": lambda: None,
    "slow": lambda: time.sleep(0.2),
    "segfault": _segfault,
    "abort": os.abort,
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: os._exit(3),
    "mistake": _mistake,
    "block": _block,
    "sleep": lambda: time.sleep(3600),
    "bloat": _bloat,
    "leak": _leak,
    "crash if used": _crash_if_used,
}

_BLOATING = ("bloat", "leak")


def saying(header: object, body: bytes = b"", *, stated: int | None = None) -> bytes:
    """A file that makes the child say this, and then nothing for a while.

    Args:
        header: bytes go as they are, anything else as JSON.
        body: follows it.
        stated: length of the body, if not its own.
    """
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(body) if stated is None else stated
    return b"say:" + struct.pack(">IQ", len(text), size) + text + body


def decode(visual: Visual, limits: MediaLimits) -> Seen:
    """A white picture, and the process that made it; or what the file says."""
    if visual.data.startswith(b"say:"):
        os.write(0, visual.data[4:])
        time.sleep(3600)
    deed = visual.data.decode()
    with decoding(visual.uri) if deed in _BLOATING else nullcontext():
        DEEDS[deed]()
    _before.append(deed)
    return Seen(image=Image.new("RGB", (4, 4), "white"), notes=(str(os.getpid()),))


if __name__ == "__main__":
    main(decode)
