"""The demo's rows fail where they must."""

from typing import Any

import pytest

from tests.tools.demo.conftest import Answered
from tools.demo.measure import rows
from tools.shown import Row


def results(*, indexed: int = 9, unchanged: int = 0, rejected: int = 1, written: int = 50) -> Any:
    count = {"in": 10, "indexed": indexed, "unchanged": unchanged, "rejected": rejected}
    return {"rows": count, "tokens_this_run": {"reason_output": written}}


@pytest.fixture
def answers(answered: Answered) -> list[Any]:
    right = answered("text-1", "text-2", grades={"text-1": 1})
    wrong = answered("text-2", "text-1", grades={"text-1": 1})
    return [right, right, right, wrong]


def broken(measured: list[Row]) -> list[str]:
    return [row.name for row in measured if not row.holds]


def test_a_first_run_that_closes_holds_and_states_what_was_right(answers: list[Any]) -> None:
    measured = rows(answers, results(), 10, seconds=300.0, again=False)
    assert broken(measured) == []
    stated = measured[-1]
    assert (stated.name, stated.value, stated.n) == ("right at 1", 0.75, 4)
    assert stated.low is not None
    assert stated.high is not None
    assert stated.low < 0.75 < stated.high


def test_a_row_that_is_unaccounted_for_fails(answers: list[Any]) -> None:
    assert broken(rows(answers, results(indexed=8), 10, 1.0, again=False)) == ["rows in"]


def test_an_item_that_the_job_never_read_fails(answers: list[Any]) -> None:
    assert broken(rows(answers, results(), 11, 1.0, again=False)) == ["items of the world"]


def test_the_second_run_must_be_fast_and_write_nothing(answers: list[Any]) -> None:
    slow = rows(answers, results(indexed=0, unchanged=9, written=0), 10, 130.0, again=True)
    assert broken(slow) == ["run, again"]
    redone = rows(answers, results(), 10, 30.0, again=True)
    assert broken(redone) == ["tokens written by the job"]


def test_a_query_without_a_hit_is_not_answered(answers: list[Any], answered: Answered) -> None:
    unanswered = answered(grades={"text-1": 1}, refusal="corrupt_media: no picture")
    measured = rows([*answers, unanswered], results(), 10, 1.0, again=False)
    assert broken(measured) == ["queries answered"]
    assert broken(rows([unanswered], results(), 10, 1.0, again=False)) == ["queries answered"]


def test_a_lower_grade_at_the_top_is_not_right(answered: Answered) -> None:
    near = answered("text-2", "text-1", grades={"text-1": 2, "text-2": 1})
    assert not near.right_at_1
    assert answered("text-1", grades={"text-1": 2, "text-2": 1}).right_at_1
