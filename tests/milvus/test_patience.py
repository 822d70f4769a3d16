"""Reads that a proxy refuses for a moment."""

from collections.abc import Callable

import pytest

from tte2_ray.errors import RuntimeFailure
from tte2_ray.milvus.patience import reading

NO_ROUTE = "failed to get delegator -1 for channel dml_1: can not find client of node -1"


def refusing(times: int, message: str) -> tuple[Callable[[], int], list[int]]:
    """A read that is refused some times first, and the tries it was given."""
    from pymilvus.exceptions import MilvusException

    tries: list[int] = []

    def read() -> int:
        tries.append(1)
        if len(tries) <= times:
            raise MilvusException(65535, message)
        return 7

    return read, tries


@pytest.mark.parametrize("message", [NO_ROUTE, "can't find collection name default:films"])
def test_a_read_that_finds_no_way_for_a_moment_is_sent_again(message: str) -> None:
    read, tries = refusing(2, message)
    assert reading("count films", read) == 7
    assert len(tries) == 3


def test_one_that_never_finds_it_is_given_up() -> None:
    read, tries = refusing(99, NO_ROUTE)
    with pytest.raises(RuntimeFailure, match=r"^Cannot count films: failed to get delegator"):
        reading("count films", read)
    assert len(tries) == 10


def test_one_that_is_refused_otherwise_is_told_at_once() -> None:
    read, tries = refusing(1, "cannot parse expression")
    with pytest.raises(RuntimeFailure, match="cannot parse expression"):
        reading("fetch items of films", read)
    assert len(tries) == 1
