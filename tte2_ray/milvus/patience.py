"""Waiting for a server: that is slow, that starts again, or that works on something."""

import time
from collections.abc import Callable
from typing import TypeVar

from tte2_ray.errors import RuntimeFailure
from tte2_ray.milvus.client import Verdict, as_typed, classify, request_errors
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.pace import Pace

T = TypeVar("T")
_NOT_LOADED = {101, 103, 106}
"""Of a collection, which a server that has started loads by itself: not, not wholly, on its way."""
_POLL_S = 0.3
_NO_ROUTE = (
    "failed to get delegator", "can not find client of node", "can't find collection name",
)  # fmt: skip
_ROUTE_TRIES, _ROUTE_WAIT_S = 10, 0.05


def patiently(doing: str, config: MilvusConfig, call: Callable[[], T]) -> T:
    """What a request gives, which is sent again as long as there is hope.

    Args:
        doing: what is tried and where; a message starts with it.
        config: `patience_s` is counted from the first failure.
        call: sends it; must not mind being called twice.

    Raises:
        TteError: it was refused for good, or the patience is spent.
    """
    pace = Pace(config.patience_s)
    while True:
        try:
            return call()
        except request_errors() as error:
            passes = classify(error) is not Verdict.FATAL or (
                getattr(error, "code", None) in _NOT_LOADED
            )
            if not passes or not pace.failed():
                raise as_typed(error, doing) from error


def reading(doing: str, call: Callable[[], T]) -> T:
    """What a read gives, which is sent again where a proxy has no way to its data for a moment.

    While an alias moves, Milvus 2.3 refuses a read now and then (2 of 3,816). Readers wait for
    nothing else: who asks online wants to know.

    Raises:
        TteError: it was refused otherwise, or again and again.
    """
    for left in reversed(range(_ROUTE_TRIES)):
        try:
            return call()
        except request_errors() as error:
            if not left or not any(words in str(error) for words in _NO_ROUTE):
                raise as_typed(error, doing) from error
            time.sleep(_ROUTE_WAIT_S)
    raise AssertionError("the last try raises")


def followed(
    doing: str,
    config: MilvusConfig,
    ask: Callable[[], T],
    is_over: Callable[[T], bool],
    said: Callable[[T], str],
) -> T:
    """What the server says at the end of something that takes its time.

    Args:
        doing: what it works on; a message starts with it.
        config: `bulk_timeout_s` is counted from the last change of what it says.
        ask: for the state, patiently.
        is_over: whether that is the last one.
        said: a state in words.

    Raises:
        RuntimeFailure: it hangs.
        TteError: as `patiently`.
    """
    last, since = "", time.monotonic()
    while not is_over(state := patiently(doing, config, ask)):
        if said(state) != last:
            last, since = said(state), time.monotonic()
        if time.monotonic() - since > config.bulk_timeout_s:
            raise RuntimeFailure(
                f"Cannot {doing}: nothing has moved for {config.bulk_timeout_s:g} s "
                f"(milvus.bulk_timeout_s), Milvus says {last!r}. See its log, and run the same "
                "command again."
            )
        time.sleep(_POLL_S)
    return state
