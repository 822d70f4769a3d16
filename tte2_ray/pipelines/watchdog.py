"""Ends a phase in which nothing comes through, and says what it waited for."""

from collections.abc import Callable, Iterable, Iterator
from queue import Empty, Queue
from threading import Thread
from typing import TypeVar

from tte2_ray.errors import RuntimeFailure
from tte2_ray.pipelines.progress import duration
from tte2_ray.stages.doing import Step, told

T = TypeVar("T")
_END_S = 10.0


def watched(
    phase: str,
    came: Iterable[T],
    stall_s: float,
    waits_for: Callable[[str], str],
    todo: int,
    left: Callable[[], int],
    end: Callable[[], None] | None = None,
) -> Iterator[T]:
    """Passes on what comes through.

    Args:
        phase: its name.
        came: what is waited for; read in a thread of its own.
        stall_s: longest wait, in seconds; 0 waits for ever.
        waits_for: what a phase waits for, in words; asked when it is over.
        todo: how much there is to do.
        left: how much of it is not committed yet; asked when nothing came: a worker tells of the
            shards of a call when all of them are.
        end: ends what is waited for, when it is over; its reader then ends, too.

    Raises:
        RuntimeFailure: nothing came for `stall_s`, and nothing was committed.
    """
    if not stall_s:
        yield from came
        return
    passed: Queue[tuple[str, T | BaseException | None]] = Queue(maxsize=1)
    reader = Thread(target=_read, args=(came, passed), daemon=True, name=f"watch-{phase}")
    reader.start()
    while True:
        try:
            kind, one = passed.get(timeout=stall_s)
        except Empty:
            before, todo = todo, left()
            if todo < before:
                continue
            words = waits_for(phase)
            if end:
                end()
                reader.join(_END_S)
            raise RuntimeFailure(
                f"{phase}: nothing came through for {duration(stall_s)} (ray.stall_s): {words}. "
                "What is done stays done: the same command goes on from here"
            ) from None
        if kind == "ended":
            return
        if isinstance(one, BaseException):
            raise one
        yield one  # type: ignore[misc]


def _read(came: Iterable[T], passed: "Queue[tuple[str, T | BaseException | None]]") -> None:
    try:
        for one in came:
            passed.put(("one", one))
    except BaseException as error:  # noqa: BLE001 – raised where the phase is waited for
        passed.put(("failed", error))
    else:
        passed.put(("ended", None))


def waits_for(phase: str) -> str:
    """What the workers of a phase said last; or that none has started, and what is free."""
    import ray

    workers = told(phase)
    if not workers:
        free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
        all_: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        kinds = (f"{free.get(kind, 0):g} of {all_[kind]:g} {kind}" for kind in ("CPU", "GPU")
                 if kind in all_)  # fmt: skip
        return f"no worker has started its engine; free in the cluster: {', '.join(kinds)}"
    return "; ".join(f"worker {name}: {_in_words(steps)}" for name, steps in workers.items())


def _in_words(steps: list[Step]) -> str:
    """
    >>> _in_words([Step(name="engine", count=3, longest="item a", since_s=61.0)])
    '3 × engine (item a for 1m01s)'
    """
    words = (f"{s.count} × {s.name} ({s.longest} for {duration(s.since_s)})" for s in steps)
    return ", ".join(words) or "idle, with no shard"
