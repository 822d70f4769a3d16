"""What parent and child say to each other: frames of a JSON header and raw bytes, over a socket.

    4 bytes: length of the header │ 8 bytes: length of the body │ header │ body

One side speaks at a time, a frame each. No object is ever unpickled.
"""

import json
import math
import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

FOR_EVER = math.inf
"""A deadline that never comes."""
MAX_HEADER = 1 << 20
"""Bytes. A frame of a video takes some 40, a note or a message at most a few hundred."""

_LENGTHS = struct.Struct(">IQ")
_SMALL = 1 << 16
"""Bytes that go in one call: each waits for the interpreter's lock, which an engine may hold."""

Header = Mapping[str, Any]


class WireError(Exception):
    """The other side is gone, or what it says makes no sense."""


def send(to: socket.socket, header: Header, body: bytes | memoryview, deadline: float) -> None:
    """Writes one frame.

    Args:
        to: the socket.
        header: goes as JSON.
        body: goes as it is.
        deadline: of `time.monotonic`, in seconds.

    Raises:
        TimeoutError: it was not read in time.
        OSError: the other side is gone.
    """
    text = json.dumps(header).encode()
    head = _LENGTHS.pack(len(text), len(body)) + text
    _bound(to, deadline)
    if len(body) < _SMALL:
        to.sendall(b"".join((head, body)))
        return
    to.sendall(head)
    to.sendall(body)


def receive(
    of: socket.socket, deadline: float, check: Callable[[Header, int], None]
) -> tuple[Header, bytearray]:
    """Reads one frame.

    Args:
        of: the socket.
        deadline: of `time.monotonic`, in seconds.
        check: raises `WireError` for a header that no body of so many bytes belongs to; called
            before memory is set aside for the body.

    Raises:
        WireError: the other side is gone, or its frame makes no sense.
        TimeoutError: it is not there in time.
        OSError: the other side is gone.
    """
    got = bytearray()
    _fill(of, got, _LENGTHS.size, deadline)
    header_bytes, body_bytes = _LENGTHS.unpack_from(got)
    if header_bytes > MAX_HEADER:
        raise WireError(f"its header has {header_bytes} bytes")
    begins = _LENGTHS.size + header_bytes
    _fill(of, got, begins, deadline)
    header = _parsed(got[_LENGTHS.size : begins])
    check(header, body_bytes)
    if len(got) > begins + body_bytes:
        raise WireError("it says more than it stated")
    return header, _body(of, memoryview(got)[begins:], body_bytes, deadline)


def _parsed(text: bytearray) -> Header:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError("its header is no JSON") from error
    if not isinstance(header, dict):
        raise WireError("its header is no object")
    return header


def _fill(of: socket.socket, got: bytearray, count: int, deadline: float) -> None:
    while len(got) < count:
        _bound(of, deadline)
        more = of.recv(_SMALL)
        if not more:
            raise WireError("it is gone")
        got += more


def _body(of: socket.socket, begun: memoryview, count: int, deadline: float) -> bytearray:
    if len(begun) == count:
        return bytearray(begun)
    body = bytearray(count)
    left = memoryview(body)
    left[: len(begun)] = begun
    left = left[len(begun) :]
    while left:
        _bound(of, deadline)
        read = of.recv_into(left)
        if not read:
            raise WireError("it is gone")
        left = left[read:]
    return body


def _bound(of: socket.socket, deadline: float) -> None:
    """Lets the next call on a socket take no longer than until the deadline."""
    if deadline == FOR_EVER:
        of.settimeout(None)
        return
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    of.settimeout(left_s)
