"""A remote object as a raw seekable file: what Parquet and PDF readers need, in bounded memory."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class RangedReader(io.RawIOBase):
    """Reads ranges on demand; wrap it in `io.BufferedReader`.

    Args:
        read_range: the bytes from the first to the last position, both included.
        size: length of the object in bytes.
    """

    def __init__(self, read_range: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self._read_range = read_range
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position in bytes from the start."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, as `io.RawIOBase.seek`; nothing is read yet."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"cannot seek to {start + offset}")
        self._position = start + offset
        return self._position

    def readall(self) -> bytes:
        """What is left, by one request; the method that this replaces asks for 8 KiB at a time."""
        if self._position >= self._size:
            return b""
        found = self._read_range(self._position, self._size - 1)
        self._position += len(found)
        return found

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill as much of the buffer as the object has left."""
        view = memoryview(buffer).cast("B")
        last = min(self._position + len(view), self._size) - 1
        if last < self._position:
            return 0
        found = self._read_range(self._position, last)
        view[: len(found)] = found
        self._position += len(found)
        return len(found)
