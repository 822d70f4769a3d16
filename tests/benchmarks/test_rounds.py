"""What make bench computes of its rounds, and the gates that part them; no engine, no Ray."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.gate import Gated, GatedLoad, GatedStage
from benchmarks.measure import ROUNDS, alternate, rate, ratio, stated
from tools.shown import conclude
from tte2_ray.stages.load import LoadShards


def test_who_goes_first_changes_from_round_to_round() -> None:
    order: list[str] = []
    pairs = alternate(
        lambda n: order.append(f"a{n}") or n, lambda n: order.append(f"b{n}") or -n, rounds=3
    )
    assert order == ["a1", "b1", "b2", "a2", "a3", "b3"]
    assert pairs == [(1, -1), (2, -2), (3, -3)]


def test_a_ratio_is_the_median_of_pairs_and_holds_from_its_target_on() -> None:
    ours, theirs = [1.0, 2.0, 4.0], [0.9, 1.6, 4.4]
    row = ratio("phase / bare", ours, theirs, rows=10, least=0.85)
    assert (row.value, row.low, row.high) == pytest.approx((0.9, 0.8, 1.1))
    assert (row.holds, row.target, row.n) == (True, ">= 0.85", 30)
    assert not ratio("phase / bare", ours, theirs, rows=10, least=0.91).holds
    assert ratio("phase / bare", [10.0], [1.0], rows=10, least=0).target == "", "only stated"


def test_an_interval_is_given_only_for_enough_rounds() -> None:
    assert rate("phase", [2.0, 1.0, 4.0], rows=8).value == 4.0
    assert stated("few", 1.0, "s", seen=[1.0] * (ROUNDS - 1)).low is None
    many = stated("many", 1.0, "s", seen=[*range(ROUNDS)])
    assert (many.low, many.high) == (0, ROUNDS - 1)


def test_a_ratio_that_falls_short_ends_the_target_with_another_status(tmp_path: Path) -> None:
    good, bad = (ratio("x", [1.0], [value], rows=1, least=0.9) for value in (1.0, 0.5))
    assert conclude("bench", [good], tmp_path) == 0
    assert conclude("bench", [good, bad], tmp_path) == 5


class Echo:
    """A double of a stage: engines take half a minute to start."""

    def __init__(self, work: str) -> None:
        self.work = work

    async def __call__(self, batch: Any) -> str:
        return f"{self.work} {batch['name'][0]}"


def test_a_stage_waits_for_the_gates_of_all_its_shards(tmp_path: Path) -> None:
    stage = GatedStage(Gated(stage=Echo, work="done", folder=tmp_path))
    assert (tmp_path / "ready").exists()

    async def run() -> str:
        answer = asyncio.ensure_future(stage({"name": np.array(["one", "two"])}))
        (tmp_path / "one").touch()
        await asyncio.sleep(0.05)
        assert not answer.done(), "the second shard's gate is still closed"
        (tmp_path / "two").touch()
        return str(await asyncio.wait_for(answer, 5))

    assert asyncio.run(run()) == "done one"


def test_a_gated_loader_is_handed_as_many_shards_as_the_real_one() -> None:
    assert GatedLoad.shards_a_call == LoadShards.shards_a_call > 1
