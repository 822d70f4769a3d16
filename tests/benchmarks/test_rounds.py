"""What make bench computes of its rounds, and the gates that part them; no engine, no Ray."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import __main__ as main
from benchmarks import bare, parts
from benchmarks.bare import BareRound
from benchmarks.configured import configured
from benchmarks.gate import Gated, GatedLoad, GatedStage
from benchmarks.measure import ROUNDS, alternate, in_turn, interval, rate, ratio
from benchmarks.phases import ROWS, WARM
from benchmarks.work import draw_pictures, find_items, in_rounds
from tools.shown import Row, begin, conclude
from tte2_ray.artifacts.shards import read_shard
from tte2_ray.engines import EngineConfig
from tte2_ray.errors import PrerequisiteError
from tte2_ray.media import MediaLimits
from tte2_ray.mini import world
from tte2_ray.schema import Item
from tte2_ray.stages.load import LoadShards


def test_who_goes_first_changes_from_round_to_round() -> None:
    order: list[str] = []
    pairs = alternate(
        lambda n: order.append(f"a{n}") or n, lambda n: order.append(f"b{n}") or -n, rounds=3
    )
    assert order == ["a1", "b1", "b2", "a2", "a3", "b3"]
    assert pairs == [(1, -1), (2, -2), (3, -3)]


def test_three_sides_go_there_and_back() -> None:
    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return float(len(order))

    sides = {name: partial(side, name) for name in "abc"}
    assert in_turn(sides, 1) == {"a": 1, "b": 2, "c": 3}
    assert in_turn(sides, 2) == {"a": 6, "b": 5, "c": 4}
    assert order == ["a", "b", "c", "c", "b", "a"]


def test_a_ratio_is_the_median_of_pairs_and_holds_from_its_target_on() -> None:
    ours, theirs = [1.0, 2.0, 4.0], [0.9, 1.6, 4.4]
    row = ratio("phase / bare", ours, theirs, rows=10, least=0.85)
    assert row.value == pytest.approx(0.9)
    assert (row.holds, row.target) == (True, ">= 0.85")
    assert (row.n, row.name) == (3, "phase / bare; rounds of 10")
    assert not ratio("phase / bare", ours, theirs, rows=10, least=0.91).holds
    assert ratio("phase / bare", [10.0], [1.0], rows=10, least=0).target == "", "only stated"


def test_an_interval_is_given_only_for_enough_rounds() -> None:
    few = [1.0, 2.0, 4.0, 8.0, 16.0][: ROUNDS - 1]
    assert (rate("phase", few, rows=8).value, rate("phase", few, rows=8).low) == (2.0, None)
    assert ratio("phase / bare", few, few, rows=8, least=0.5).low is None
    many = ratio("phase / bare", [1.0] * ROUNDS, [*range(1, ROUNDS + 1)], rows=8, least=0.5)
    assert (many.low, many.high, many.n) == (1, ROUNDS, ROUNDS)


def test_the_interval_of_a_median_covers_it_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0).exponential(size=(4_000, ROUNDS))
    bounds = [interval(list(row)) for row in draws]
    covered = np.mean([low < np.log(2) < high for low, high in bounds if low is not None])
    assert 0.95 <= covered <= 0.98


def test_each_round_has_items_of_its_own(tmp_path: Path) -> None:
    config = configured(tmp_path, "corpus.rows_per_shard=2")
    pictures = draw_pictures(tmp_path / "pictures", 12)
    work = in_rounds(tmp_path, config, pictures, warm=4, rounds=2)
    assert (len(work.warm.items), work.rows) == (4, 4)
    cut = [work.warm, *work.rounds]
    assert [item for one in cut for item in one.items] == pictures
    for one in cut:
        read = [item for shard in one.shards for item in read_shard(work.job.store, shard)]
        assert [item.item_id for item in read] == [item.item_id for item in one.items]
    files = {Path(item.image_uris[0].removeprefix("file://")).read_bytes() for item in pictures}
    assert len(files) == len(pictures)
    with pytest.raises(ValueError, match="do not fill shards"):
        in_rounds(tmp_path, config, pictures, warm=4, rounds=3)


def test_items_of_a_world_are_mixed_and_found_again(tmp_path: Path) -> None:
    items, world = find_items(70, root=tmp_path)
    assert find_items(70, root=tmp_path) == (items, world)
    assert len({item.item_id for item in items}) == 70
    assert len({item.modality for item in items[:35]}) >= 3


def test_a_world_brings_as_many_items_as_the_phases_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawing is a double: thousands of files take minutes."""
    monkeypatch.setattr(
        world._Writer, "draw", lambda self, name, *given: {"image_uri": f"media/{name}.png"}
    )
    asked = WARM + ROWS * ROUNDS
    items, _ = find_items(asked, root=tmp_path)
    assert len({item.item_id for item in items}) == asked


@pytest.mark.parametrize(("within", "apart"), [(1.0, 2.0), (2.0, 1.0)])
def test_the_peer_is_the_faster_of_both_places(
    monkeypatch: pytest.MonkeyPatch, within: float, apart: float
) -> None:
    """The engines are doubles: real ones take half a minute each to start."""
    seconds = {bare.Place.WITHIN: within, bare.Place.APART: apart}
    monkeypatch.setattr(bare, "bare_engine", lambda config, limits, place, pooling: nullcontext(
        seconds[place]))  # fmt: skip
    items = [Item(item_id=str(n), text="note") for n in range(8)]

    def use(engine: Any, some: Sequence[Item]) -> BareRound:
        return BareRound(decode_s=0, engine_s=engine if len(some) == 6 else 99.0)

    place, rows = bare.faster_place(EngineConfig(), MediaLimits(), items, use)
    assert seconds[place] == 1.0
    assert [row.value for row in rows] == [6 / within, 6 / apart]


def test_a_part_says_nothing_about_the_whole_and_a_failure_nothing_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(folder: Path) -> list[Row]:
        raise RuntimeError("no engine")

    monkeypatch.setattr(main, "BENCHMARKS", {"ecr": lambda folder: [Row.stated("x", 1.0, "s")]})
    monkeypatch.setattr(parts, "begin", lambda target: begin(target, tmp_path))
    monkeypatch.setattr(parts, "conclude", lambda target, rows: conclude(target, rows, tmp_path))
    assert main.main([]) == 0
    (tmp_path / "bench.json").write_text("of the whole")
    assert main.main(["--only", "ecr"]) == 0
    assert (tmp_path / "bench.json").read_text() == "of the whole"
    assert (tmp_path / "bench-ecr.json").exists()
    monkeypatch.setitem(main.BENCHMARKS, "ecr", fails)
    with pytest.raises(RuntimeError, match="no engine"):
        main.main([])
    assert not (tmp_path / "bench.json").exists()


def test_an_error_with_an_exit_code_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacks(folder: Path) -> list[Row]:
        raise PrerequisiteError("vLLM is not installed:\nrun `make setup`")

    monkeypatch.setattr(main, "BENCHMARKS", {"ecr": lacks})
    monkeypatch.setattr(parts, "begin", lambda target: None)
    assert main.main([]) == 3
    assert capsys.readouterr().err == "error: vLLM is not installed: run `make setup`\n"


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


def test_calls_that_wait_leave_the_cores_to_the_other_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sleeping is a double: how often a busy machine lets a call look says nothing."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) % 3 == 0:
            (tmp_path / "one").touch()

    async def sleep_too(seconds: float) -> None:
        sleep(seconds)

    given = Gated(stage=Echo, work="done", folder=tmp_path)
    monkeypatch.setattr(asyncio, "sleep", sleep_too)
    assert asyncio.run(GatedStage(given)({"name": np.array(["one"])})) == "done one"
    (tmp_path / "one").unlink()
    monkeypatch.setattr(time, "sleep", sleep)
    asyncio.run(GatedLoad(given)({"name": np.array(["one"])}))
    assert len(slept) == 6
    assert min(slept) >= 0.02, "at most fifty looks a second"


def test_a_gated_loader_is_handed_as_many_shards_as_the_real_one() -> None:
    assert GatedLoad.shards_a_call == LoadShards.shards_a_call > 1
