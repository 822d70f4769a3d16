"""What every source of bytes shares: the size bound, and failures that may pass."""

from typing import Protocol

from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media.limits import MediaLimits
from tte2_ray.media.uri import shown

_CHUNK_BYTES = 1 << 20


class Readable(Protocol):
    """The part of a binary file that is needed here."""

    def read(self, amount: int, /) -> bytes:
        """At most `amount` bytes; none at the end."""


class TransientFetchError(RowError):
    """A `fetch_failed` that another attempt may not meet: a timeout, a reset, status 429 or 5xx."""

    def __init__(self, message: str) -> None:
        super().__init__(RowErrorClass.FETCH_FAILED, message)


def check_size(size: int, uri: str, limits: MediaLimits) -> None:
    """Refuses a file by the size that its source states, in bytes, before it is read."""
    if size > limits.max_bytes:
        raise RowError(
            RowErrorClass.TOO_LARGE,
            f"{shown(uri)} has {size} bytes or more, over max_bytes {limits.max_bytes}",
        )


def read_bounded(file: Readable, uri: str, limits: MediaLimits) -> bytes:
    """Reads a stream to its end, and refuses it where it runs over `max_bytes`."""
    chunks: list[bytes] = []
    size = 0
    while chunk := file.read(min(_CHUNK_BYTES, limits.max_bytes + 1 - size)):
        chunks.append(chunk)
        size += len(chunk)
        check_size(size, uri, limits)
    return b"".join(chunks)


def one_line(error: BaseException) -> str:
    """An exception as a message carries it: its type and text, on one line of bounded length."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= 300 else text[:300] + "…"
