"""Who put an object once is told so, whatever came of the answers."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.artifacts.faulty import Faulty
from tests.chaos.s3_rules import Rule
from tte2_ray.errors import RuntimeFailure

pytestmark = pytest.mark.usefixtures("fresh_client")
MINE, THEIRS = b"mine" * 50_000, b"theirs"


@pytest.mark.parametrize("kind", ["cut_after", "error_500_after", "hang_after", "duplicate"])
@pytest.mark.parametrize("times", [1, 2, 4])
def test_a_put_whose_answer_was_lost_still_won(kind: str, times: int, faulty: Faulty) -> None:
    faulty.proxy.set(Rule(kind=kind, operation="PUT", times=times, seconds=2.0))
    assert faulty.store.put_once("k", MINE) is True
    faulty.proxy.set(Rule(kind=kind, operation="PUT", times=times, seconds=2.0))
    assert faulty.store.put_once("k", THEIRS) is False
    assert faulty.get("k") == MINE


@pytest.mark.parametrize("lost", ["cut_after", "error_500_after"])
def test_it_won_also_where_another_put_was_under_way_meanwhile(lost: str, faulty: Faulty) -> None:
    faulty.proxy.set(
        Rule(kind=lost, operation="PUT", times=1), Rule(kind="conflict", operation="PUT", times=2)
    )
    assert faulty.store.put_once("k", MINE) is True
    assert faulty.proxy.counts() == {lost: 1, "conflict": 2}
    assert faulty.get("k") == MINE


def test_who_wrote_is_asked_again_where_that_answer_is_lost_too(faulty: Faulty) -> None:
    faulty.proxy.set(Rule(kind="cut_after", operation="PUT", times=1),
                     Rule(kind="request_timeout", operation="HEAD"),
                     Rule(kind="cut_before", operation="GET", times=2))  # fmt: skip
    assert faulty.store.put_once("k", MINE) is True
    assert faulty.proxy.counts().keys() == {"cut_after", "request_timeout", "cut_before"}


def test_who_never_hears_an_answer_is_told_so_and_the_same_again_ends_well(
    faulty: Faulty,
) -> None:
    faulty.proxy.set(Rule(kind="cut_after", operation="PUT"))
    with pytest.raises(RuntimeFailure, match="the same command goes on"):
        faulty.store.put_once("k", MINE)
    faulty.proxy.set()
    assert faulty.store.put_once("k", MINE) is False
    assert faulty.get("k") == MINE


def test_writers_that_keep_colliding_are_told(faulty: Faulty) -> None:
    faulty.proxy.set(Rule(kind="conflict", operation="PUT"))
    with pytest.raises(RuntimeFailure, match="kept colliding"):
        faulty.store.put_once("k", MINE)
    assert faulty.proxy.counts() == {"conflict": 5}
    assert faulty.get("k") is None


def test_what_was_deleted_since_was_not_ours(faulty: Faulty) -> None:
    """412, and then no object: whoever had the key has deleted it."""
    faulty.put("k", THEIRS)
    real = faulty.store._head  # type: ignore[attr-defined]

    def deleted_before(name: str) -> object:
        faulty.store.delete("k")
        return real(name)

    faulty.store._head = deleted_before  # type: ignore[attr-defined]
    assert faulty.store.put_once("k", MINE) is False


@pytest.mark.parametrize("seed", range(3))
def test_of_writers_at_once_one_wins_and_knows_it(seed: int, faulty: Faulty) -> None:
    """The proxy serves conditional puts one after another, as S3 does and moto does not."""
    disturbing = ("cut_after", "error_500_after", "duplicate", "cut_before", "half_write",
                  "conflict", "slow_down")  # fmt: skip
    rules = [Rule(kind=kind, operation="PUT", probability=0.1) for kind in disturbing]
    faulty.proxy.rules.begin(seed, rules)
    for round_ in range(5):
        key, bodies = f"k/{round_}", [os.urandom(50_000) for _ in range(6)]

        def write(body: bytes, key: str = key) -> bool | None:
            try:
                return faulty.store.put_once(key, body)
            except RuntimeFailure:
                return None  # it heard no answer: it may have won

        with ThreadPoolExecutor(len(bodies)) as pool:
            won = list(pool.map(write, bodies))
        there = faulty.get(key)
        assert there in bodies
        winner = bodies.index(there)
        assert won[winner] is not False
        assert [other for n, other in enumerate(won) if n != winner and other] == []
    assert sum(faulty.proxy.counts().values()) > 5
