"""The children of this process: started when they are needed, kept, and replaced when they die.

There are as many as files are decoded at once. One that died, took too long or spoke nonsense is
killed, and the file is refused. Where it had decoded other files before, a fresh one is asked
first: the row that is refused is the one that did it.
"""

import atexit
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tte2_ray.errors import RowError, RuntimeFailure
from tte2_ray.media.decoders import Seen, Visual
from tte2_ray.media.isolated.process import MODULE, ChildLost, ChildProcess
from tte2_ray.media.limits import MediaLimits

_STARTS = 3
"""The kernel may kill one while memory is short, and that ends no job."""


class Children:
    """Processes that decode, shared by the threads of this one.

    Args:
        module: that they run.
    """

    def __init__(self, module: str = MODULE) -> None:
        self.module = module
        self._lock = threading.Lock()
        self._idle: list[ChildProcess] = []
        self._busy: set[ChildProcess] = set()
        # A child ends with the thread that started it, and those that decode come and go.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="decoders")

    def decode(self, visual: Visual, limits: MediaLimits, timeout_s: float) -> Seen:
        """Decodes a file in a child.

        Args:
            visual: the file.
            limits: of its decoder, its memory among them.
            timeout_s: until the child is ended; starting one is not counted.

        Raises:
            RowError: the decoder's; `decoder_died` where it crashed, took too long or was killed.
            RuntimeFailure: no child can be started.
        """
        child = self._taken() or self._started()
        began = time.monotonic()
        try:
            return self._asked(child, visual, limits, timeout_s)
        except ChildLost as lost:
            if not lost.curable:
                raise lost.refusal from lost
            left_s = timeout_s - (time.monotonic() - began)
        try:
            return self._asked(self._started(), visual, limits, left_s)
        except ChildLost as lost:
            raise lost.refusal from lost

    @contextmanager
    def lent(self) -> Iterator[ChildProcess]:
        """A child for as many frames as it takes; ended where that fails, or else kept.

        Raises:
            RuntimeFailure: no child can be started.
        """
        child = self._taken() or self._started()
        try:
            yield child
        except BaseException:
            self._end(child)
            raise
        self._give_back(child)

    def end(self) -> None:
        """Ends those that are idle."""
        while child := self._taken():
            self._end(child)

    def forget(self) -> None:
        """In a forked copy of this process: leaves them to the original, whose they are."""
        for child in (*self._idle, *self._busy):
            child.forget()

    def _asked(
        self, child: ChildProcess, visual: Visual, limits: MediaLimits, timeout_s: float
    ) -> Seen:
        """Asks a child that was taken, and gives it back or ends it."""
        try:
            seen = child.ask(visual, limits, timeout_s)
        except RowError:
            self._give_back(child)
            raise
        except BaseException:  # interrupted, say: its answer would be taken for the next file's
            self._end(child)
            raise
        self._give_back(child)
        return seen

    def _taken(self) -> ChildProcess | None:
        with self._lock:
            if not self._idle:
                return None
            child = self._idle.pop()
            self._busy.add(child)
            return child

    def _started(self) -> ChildProcess:
        for left in reversed(range(_STARTS)):
            try:
                child = self._starter.submit(ChildProcess, self.module).result()
                break
            except RuntimeFailure:
                if not left:
                    raise
        with self._lock:
            self._busy.add(child)
        return child

    def _give_back(self, child: ChildProcess) -> None:
        with self._lock:
            self._busy.discard(child)
            self._idle.append(child)

    def _end(self, child: ChildProcess) -> None:
        with self._lock:
            self._busy.discard(child)
        child.end()


_children = Children()


def decode_isolated(visual: Visual, limits: MediaLimits, timeout_s: float) -> Seen:
    """Decodes a file in one of the children of this process: see `Children.decode`."""
    return _children.decode(visual, limits, timeout_s)


def end_children() -> None:
    """Ends the idle children of this process; the next file starts another."""
    _children.end()


def _begin_anew() -> None:
    global _children
    _children.forget()
    _children = Children(_children.module)


os.register_at_fork(after_in_child=_begin_anew)
atexit.register(end_children)
