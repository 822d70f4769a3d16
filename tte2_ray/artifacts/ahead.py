"""Read ahead: a store answers late, but many at once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


READ_AHEAD = 4
"""Answers that are held besides the one that is used."""


def ahead(threads: ThreadPoolExecutor, read: Callable[[A], B], keys: Iterable[A]) -> Iterator[B]:
    """What is read of keys, in their order, while the next ones are being read.

    Args:
        threads: that read.
        read: what is read of a key.
        keys: of what is read.
    """
    waiting: deque[Future[B]] = deque()
    for key in keys:
        waiting.append(threads.submit(read, key))
        if len(waiting) > READ_AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
