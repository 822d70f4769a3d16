"""An error of a worker comes back to the driver as what it was, whatever Ray makes of it."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tte2_ray.artifacts.store import ObjectRefusedError
from tte2_ray.errors import PartialFailure, PrerequisiteError, RuntimeFailure, TteError
from tte2_ray.stages.telling import failure_in, telling

Columns = dict[str, list[str]]


def function(error: Exception) -> type:
    class Stage:
        def __call__(self, batch: Columns) -> Columns:
            raise error

    return Stage


def generator(error: Exception) -> type:
    class Stage:
        def __call__(self, batch: Columns) -> Iterator[Columns]:
            yield batch
            raise error

    return Stage


def coroutine(error: Exception) -> type:
    class Stage:
        async def __call__(self, batch: Columns) -> Columns:
            raise error

    return Stage


def construction(error: Exception) -> type:
    class Stage:
        def __init__(self) -> None:
            raise error

        def __call__(self, batch: Columns) -> Columns:
            return batch

    return Stage


def told(stage: type) -> TteError:
    """What the driver reads of the last row that a worker returns."""
    answer: Any = telling(stage)()({"counts": ["{}"]})
    columns = list(answer)[-1] if isinstance(answer, Iterator) else asyncio.run(answer)
    failure = failure_in({name: values[0] for name, values in columns.items()})
    assert failure is not None
    return failure


@pytest.mark.parametrize("made", [function, generator, coroutine, construction])
@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (PartialFailure("too many"), PartialFailure),
        (ObjectRefusedError("s3://b/k: S3 refused"), PrerequisiteError),
    ],
)
def test_a_typed_error_keeps_its_message_and_exit_code(
    made: Callable[[Exception], type], raised: TteError, kind: type[TteError]
) -> None:
    failure = told(made(raised))
    assert type(failure) is kind
    assert (str(failure), failure.exit_code) == (str(raised), raised.exit_code)


def test_a_bug_is_a_runtime_failure_with_its_traceback() -> None:
    failure = told(function(KeyError("x")))
    assert type(failure) is RuntimeFailure
    assert "KeyError: 'x'" in str(failure)
    assert "Traceback" in failure.__notes__[0]


def test_rows_of_a_stage_that_did_not_fail_tell_of_nothing() -> None:
    columns = next(telling(generator(KeyError()))()({"counts": ["a", "b"]}))
    assert columns["counts"] == ["a", "b"]
    assert [failure_in({"failure": said}) for said in columns["failure"]] == [None, None]
