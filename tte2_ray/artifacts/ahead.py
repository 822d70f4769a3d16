"""Read ahead: a store answers late, but many at once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def ahead(read: Callable[[A], B], keys: Iterable[A], threads: int = 4) -> Iterator[B]:
    """What is read of keys, in their order, while the next ones are being read.

    Args:
        read: from several threads at once.
        keys: of what is read.
        threads: at work at once; as many answers are held.
    """
    waiting: deque[Future[B]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="ahead") as pool:
        for key in keys:
            waiting.append(pool.submit(read, key))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
