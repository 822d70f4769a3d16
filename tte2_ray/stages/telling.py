"""A stage that tells of its failure in a row: of what a worker raises Ray hands on only the words,
wrapped in its own, and an operator needs the one line and its exit code."""

import inspect
import json
import os
import traceback
from collections.abc import Mapping
from typing import Any

from tte2_ray import errors
from tte2_ray.errors import RuntimeFailure, TteError

_FAILURE = "failure"


def telling(stage: type, environment: Mapping[str, str] | None = None) -> type:
    """`stage`, whose calls return an error that it or its construction raised as their only row.

    Args:
        stage: a class for `map_batches`, its `__call__` a function, a generator or a coroutine
            function.
        environment: variables that are set in the worker before the stage is constructed.
    """

    class Telling(stage):  # type: ignore[misc]
        def __init__(self, *args: Any) -> None:
            self._failed: dict[str, list[str]] | None = None
            os.environ.update(environment or {})
            try:
                super().__init__(*args)
            except Exception as error:  # noqa: BLE001 – told, whatever it is
                self._failed = _as_columns(error)

    async def call_async(self: Any, batch: Any) -> Any:
        try:
            return self._failed or _told(await stage.__call__(self, batch))
        except Exception as error:  # noqa: BLE001 – told, whatever it is
            return _as_columns(error)

    def call(self: Any, batch: Any) -> Any:
        if self._failed:
            yield self._failed
            return
        try:
            answer = stage.__call__(self, batch)
            for columns in [answer] if isinstance(answer, dict) else answer:
                yield _told(columns)
        except Exception as error:  # noqa: BLE001 – told, whatever it is
            yield _as_columns(error)

    waits = inspect.iscoroutinefunction(stage.__call__)
    Telling.__call__ = call_async if waits else call
    # What Ray shows of its workers.
    Telling.__name__ = Telling.__qualname__ = stage.__name__
    return Telling


def failure_in(row: Mapping[str, Any]) -> TteError | None:
    """The error that a row of a telling stage tells of, if it does."""
    if not row[_FAILURE]:
        return None
    told = json.loads(row[_FAILURE])
    kind: type[TteError] = getattr(errors, told["kind"])
    failure = kind(told["message"])
    if told["trace"]:
        failure.add_note(told["trace"])
    return failure


def _told(columns: dict[str, list[str]]) -> dict[str, list[str]]:
    return columns | {_FAILURE: [""] * len(next(iter(columns.values())))}


def _as_columns(error: Exception) -> dict[str, list[str]]:
    told = {"kind": _kind(error), "message": str(error), "trace": ""}
    if not told["kind"]:
        words = f"a stage failed for good: {type(error).__name__}: {error}"
        trace = "".join(traceback.format_exception(error))
        told = {"kind": RuntimeFailure.__name__, "message": words, "trace": trace}
    return {"counts": [""], _FAILURE: [json.dumps(told)]}


def _kind(error: Exception) -> str:
    """The name under which `failure_in` finds the error's class, or its next base; "" of a bug."""
    bases = type(error).__mro__ if isinstance(error, TteError) else ()
    return next((each.__name__ for each in bases if each.__module__ == errors.__name__), "")
