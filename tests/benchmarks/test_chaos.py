"""What `make chaos` prints and counts: each injection can be run again alone, none is missed."""

import random

import pytest

from benchmarks import chaos
from tests.chaos import faults, on_milvus, on_s3, on_vllm
from tests.chaos.faults import Kind, killed_at
from tests.chaos.harness import AT_POINTS, Injection, Outcome, of_kinds
from tests.chaos.points import Moment
from tests.chaos.world import SCENARIOS

MOMENTS: tuple[Moment, ...] = ("before", "after")
KINDS = (*faults.KINDS, *on_s3.kinds_on("http://127.0.0.1:1 bucket"), *on_milvus.KINDS,
         *on_vllm.KINDS)  # fmt: skip
AT_KINDS = [
    Kind(name=f"{AT_POINTS} {point}, {moment}", count=1, disturb=killed_at(point, moment))
    for point in ("plan", "alias")
    for moment in MOMENTS
]
AT = [Injection(kind=kind, scenario=each, seed=3) for each in SCENARIOS for kind in AT_KINDS]


def test_what_is_printed_of_an_injection_runs_it_alone() -> None:
    injections = [*of_kinds(KINDS, 7), *AT]
    assert len(injections) > 100
    for one in injections:
        assert chaos.chosen_of(injections, chaos.arguments(chaos.again(one))) == [one]


def test_kinds_and_states_choose_all_of_them() -> None:
    injections = [*of_kinds(KINDS, 7), *AT]
    full = chaos.chosen_of(injections, chaos.arguments(["--kind", "disk full"]))
    assert len(full) == 10
    at_plan = ["--kind", "killed at plan", "--scenario", "redrive"]
    assert len(chaos.chosen_of(injections, chaos.arguments(at_plan))) == 2


def done(name: str, *problems: str) -> Outcome:
    kind = Kind(name=name, count=1, disturb=lambda *_: "")
    return Outcome(injection=Injection(kind=kind, scenario="first", seed=0), came="done",
                   problems=problems, seconds=1.0)  # fmt: skip


def test_the_rows_hold_where_every_kind_was_tried_and_came_to_the_same_index() -> None:
    outcomes = [done(name) for name in chaos.EXPECTED] * 7
    assert len(outcomes) > chaos.LEAST
    assert all(row.holds for row in chaos.rows(outcomes, 20.0, whole=True))


@pytest.mark.parametrize("missing", random.Random(1).sample(chaos.EXPECTED, 4))
def test_a_kind_that_was_not_tried_is_a_row_that_does_not_hold(missing: str) -> None:
    outcomes = [done(name) for name in chaos.EXPECTED if name != missing] * 7
    found = chaos.rows(outcomes, 20.0, whole=True)
    assert [row.name for row in found if not row.holds] == [missing]
    assert all(row.holds for row in chaos.rows(outcomes, 20.0, whole=False))


def test_one_problem_is_enough() -> None:
    outcomes = [done(name) for name in chaos.EXPECTED] * 7
    outcomes[0] = done(chaos.EXPECTED[0], "a row is lost")
    found = [row.name for row in chaos.rows(outcomes, 20.0, whole=True) if not row.holds]
    assert found == [chaos.EXPECTED[0], "lost, doubled, half visible or left behind"]
    few = chaos.rows([done(name) for name in chaos.EXPECTED], 31.0, whole=True)
    assert [row.name for row in few if not row.holds] == ["injections", "all"]
