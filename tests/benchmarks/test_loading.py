"""The bare loop of the loading benchmark, on an embedded Milvus: what it is timed for is there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.configured import configured
from benchmarks.loading import BareLoop, fill
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
    assert BareLoop(work, entities).seconds("whole", batch_rows=3, rows=4) > 0
    twice = BareLoop(work, entities[:2] * 2)
    with pytest.raises(ValueError, match="holds 2 rows, 4 were loaded"):
        twice.seconds("twice", batch_rows=2, rows=4)
    with pytest.raises(ValueError, match="holds 2 rows, 4 were loaded"):
        BareLoop(work, entities[:2]).seconds("short", batch_rows=2, rows=4)
