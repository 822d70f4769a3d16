"""The demo's rows fail where they must."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.tools.demo.conftest import Answered
from tools.demo.measure import engines_row, rows, time_rows
from tools.demo.past import FirstRun
from tools.job import index_job
from tools.shown import Row
from tte2_ray.engines import EngineConfig
from tte2_ray.pipelines.index.config import IndexConfig

ITEMS = Counter(image=6, text=4)
INDEXED = Counter(image=5, text=4)


def results(*, indexed: int = 9, unchanged: int = 0, rejected: int = 1, written: int = 50) -> Any:
    count = {"in": 10, "indexed": indexed, "unchanged": unchanged, "rejected": rejected}
    return {"rows": count, "tokens_this_run": {"reason_output": written}, "live": True}


@pytest.fixture
def answers(answered: Answered) -> list[Any]:
    right = answered("text-1", "text-2", grades={"text-1": 1})
    wrong = answered("text-2", "text-1", grades={"text-1": 1})
    return [right, right, right, wrong]


def broken(measured: list[Row]) -> list[str]:
    return [row.name for row in measured if not row.holds]


def test_a_first_run_that_closes_holds_and_states_what_was_right(answers: list[Any]) -> None:
    measured = rows(answers, results(), ITEMS, INDEXED, again=False)
    assert broken(measured) == []
    stated = measured[-1]
    assert (stated.name, stated.value, stated.n) == ("right at 1", 0.75, 4)
    assert stated.low is not None
    assert stated.high is not None
    assert stated.low < 0.75 < stated.high


def test_a_row_that_is_unaccounted_for_fails(answers: list[Any]) -> None:
    closed = results(indexed=9, rejected=0)
    assert broken(rows(answers, closed, ITEMS, INDEXED, again=False)) == ["rows in"]


def test_an_item_that_the_job_never_read_fails(answers: list[Any]) -> None:
    more = ITEMS + Counter(image=1)
    assert broken(rows(answers, results(), more, INDEXED, again=False)) == ["items of the world"]


def test_what_the_index_does_not_hold_fails(answers: list[Any]) -> None:
    lost = INDEXED - Counter(image=1)
    assert broken(rows(answers, results(), ITEMS, lost, again=False)) == [
        "items found in the index"
    ]
    blind = Counter(image=9)
    measured = rows(answers, results(), ITEMS, blind, again=False)
    assert broken(measured) == ["items found in the index: text"]
    hidden = results() | {"live": False}
    assert broken(rows(answers, hidden, ITEMS, INDEXED, again=False)) == ["version is live"]


def test_the_second_run_must_be_fast_and_write_nothing(answers: list[Any]) -> None:
    assert broken(time_rows(130.0, again=True, first=None)) == ["run, again"]
    assert broken(time_rows(110.0, again=True, first=None)) == []
    assert broken(time_rows(470.0, again=False, first=None)) == []
    assert broken(time_rows(490.0, again=False, first=None)) == ["run, first time"]
    idle = results(indexed=0, unchanged=9, written=0)
    assert broken(rows(answers, idle, ITEMS, INDEXED, again=True)) == []
    redone = rows(answers, results(), ITEMS, INDEXED, again=True)
    assert broken(redone) == ["tokens written by the job"]


def test_the_second_run_states_the_first_again() -> None:
    again, first = time_rows(100.0, True, FirstRun(seconds=431.2, with_setup=True))
    assert (again.name, again.value, again.target) == ("run, again", 100, "< 120")
    assert (first.name, first.value) == ("first run, setup included", 431.2)
    assert (first.unit, first.target, first.n) == ("s", "", 1)
    slow = FirstRun(seconds=490.0, with_setup=False)
    assert broken(time_rows(100.0, True, slow)) == [], "it has failed once already"


def told_by(config: IndexConfig) -> dict[str, Any]:
    """What results.json says of the models of a job that ran by `config`."""
    fingerprints = {"ecr": config.ecr_recipe().fingerprint,
                    "embedding": config.embedding_recipe().fingerprint}  # fmt: skip
    return {"fingerprints": fingerprints}


def with_a_fake(config: IndexConfig, role: str) -> IndexConfig:
    engine = EngineConfig(kind="fake")
    return replace(config, **{role: replace(getattr(config, role), engine=engine)})


def test_an_engine_that_is_no_vllm_fails() -> None:
    config = index_job().config
    real = engines_row(config, told_by(config))
    assert (real.value, real.target, real.holds, real.n) == (2, "= 2", True, 2)
    for role in ("reasoner", "embedder"):
        other = with_a_fake(config, role)
        assert engines_row(other, told_by(other)).value == 1
        assert not engines_row(other, told_by(other)).holds
        assert engines_row(config, told_by(other)).value == 0, "the job ran by other models"


def test_a_query_without_a_hit_is_not_answered(answers: list[Any], answered: Answered) -> None:
    unanswered = answered(grades={"text-1": 1}, refusal="corrupt_media: no picture")
    for given in ([*answers, unanswered], [unanswered]):
        measured = rows(given, results(), ITEMS, INDEXED, again=False)
        assert broken(measured) == ["queries answered"]


def test_a_lower_grade_at_the_top_is_not_right(answered: Answered) -> None:
    near = answered("text-2", "text-1", grades={"text-1": 2, "text-2": 1})
    assert not near.right_at_1
    assert answered("text-1", grades={"text-1": 2, "text-2": 1}).right_at_1
