"""The bare loop of the loading benchmark, on an embedded Milvus: what it is timed for is there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.configured import configured
from benchmarks.loading import TRIALS, BareLoop, Way, fastest, fill
from benchmarks.work import Work, in_rounds
from tte2_ray.milvus.server import resolve, stop_server
from tte2_ray.schema import Item


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    config = configured(tmp_path, "corpus.rows_per_shard=2")
    items = [Item(item_id=f"row-{n}", text=f"note {n}") for n in range(6)]
    try:
        config = replace(config, milvus=resolve(config.milvus))
        yield in_rounds(tmp_path, config, items, warm=2, rounds=1)
    finally:
        stop_server(config.milvus.data_dir)


def test_a_loop_that_leaves_rows_out_has_no_time(work: Work) -> None:
    entities = fill(work)
    assert [entity["item_id"] for entity in entities] == ["row-2", "row-3", "row-4", "row-5"]
    for inflight in (1, 2):
        assert BareLoop(work, entities).seconds(f"whole{inflight}", Way(3, inflight), rows=4) > 0
    twice = BareLoop(work, entities[:2] * 2)
    with pytest.raises(ValueError, match="holds 2 rows, 4 were loaded"):
        twice.seconds("twice", Way(2, 1), rows=4)
    with pytest.raises(ValueError, match="holds 2 rows, 4 were loaded"):
        BareLoop(work, entities[:2]).seconds("short", Way(2, 1), rows=4)


class Timed(BareLoop):
    """A double of the loop: it takes as long as it is told to, longer on a server that is cold."""

    def __init__(self, seconds: dict[Way, list[float]]) -> None:
        self.tried: list[str] = []
        self._seconds = seconds

    def seconds(self, name: str, way: Way, rows: int) -> float:
        self.tried.append(name)
        return self._seconds[way].pop(0) if len(self.tried) > 1 else 99.0


def test_the_peer_is_the_fastest_way_on_a_warm_server_and_noise_does_not_choose_it() -> None:
    spent = {Way(2, 1): [4.0, 4.0], Way(4, 1): [2.0, 9.0], Way(2, 2): [8.0, 1.0],
             Way(4, 2): [3.0, 3.0]}  # fmt: skip
    loop = Timed({way: list(seconds) for way, seconds in spent.items()})
    way, rows = fastest(loop, 2, batches=(2, 4), rows=8)
    assert way == Way(2, 2)
    assert loop.tried[0] == "warm"
    assert len(set(loop.tried)) == 1 + TRIALS * len(spent), "a collection for each"
    assert {(row.name.partition(";")[0], row.value, row.n) for row in rows} == {
        (f"trial of the upsert loop, {way}", 8 / min(seconds), TRIALS)
        for way, seconds in spent.items()
    }


def test_a_writer_of_one_request_has_a_peer_of_one() -> None:
    loop = Timed({Way(2, 1): [4.0, 4.0]})
    assert fastest(loop, 1, batches=(2,), rows=8)[0] == Way(2, 1)
