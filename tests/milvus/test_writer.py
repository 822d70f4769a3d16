import multiprocessing
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.milvus.conftest import DIMENSION, row, rows
from tte2_ray.errors import RowErrorClass, RuntimeFailure
from tte2_ray.milvus.collection import ECR_MAX_BYTES
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.pace import Pace
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.upsert import ColumnUpsert, Entity, Upsert
from tte2_ray.milvus.writer import Rejected, Writer, seal


class FaultyUpsert:
    """Refuses the first requests, then passes them on to a real server.

    It exists because an embedded server has no quotas: the codes and messages are those of
    Milvus 2.3. Everything that it accepts is really written.
    """

    def __init__(self, upsert: Upsert, faults: Sequence[Exception], max_rows: int = 10**9) -> None:
        self._upsert = upsert
        self._faults = list(faults)
        self._max_rows = max_rows
        self.batch_sizes: list[int] = []

    def __call__(self, batch: Sequence[Entity]) -> int:
        self.batch_sizes.append(len(batch))
        if len(batch) > self._max_rows:
            raise _fault(9, "force deny: memory quota exceeded")
        if self._faults:
            raise self._faults.pop(0)
        return self._upsert(batch)


@pytest.fixture
def upsert(client: Any, config: MilvusConfig, collection: str) -> Upsert:
    return ColumnUpsert(client, collection, config.timeout_s)


def _fault(code: Any, message: str) -> Exception:
    from pymilvus.exceptions import MilvusException

    fault: Exception = MilvusException(code, message)
    return fault


def _writer(
    config: MilvusConfig, collection: str, upsert: Upsert | None = None, patience_s: float = 60.0
) -> Writer:
    slept: list[float] = []
    clock = iter(range(10**6))  # each look at the clock is a second
    pace = Pace(patience_s, clock=lambda: float(next(clock)), sleep=slept.append, seed=0)
    return Writer(config, collection, dimension=DIMENSION, upsert=upsert, pace=pace)


def test_rows_come_out_as_they_went_in(config: MilvusConfig, collection: str) -> None:
    settings = replace(config, metadata_fields=("title",))
    loaded = rows(3)
    report = Writer(settings, collection, dimension=DIMENSION).write(loaded)
    assert (report.written, report.rejected, report.requests) == (3, (), 1)

    found = Searcher(config).fetch(collection, ["item-00001"])["item-00001"]
    assert found["ecr"] == loaded[1].ecr
    assert found["metadata"] == {"title": "item-00001"}
    assert (found["prompt_tokens"], found["visual_tokens"], found["output_tokens"]) == (12, 9, 30)
    assert (found["modality"], found["shard"]) == ("image", "shard-00000")


def test_the_same_rows_again_change_nothing(
    client: Any, config: MilvusConfig, collection: str
) -> None:
    writer = Writer(config, collection, dimension=DIMENSION)
    for _ in range(2):
        assert writer.write(rows(250)).written == 250
    assert Searcher(config).count(collection) == 250
    seal(client, config, collection)
    assert writer.write(rows(250)).written == 250
    assert Searcher(config).count(collection) == 250


def test_bad_rows_are_rejected_by_name_and_the_others_written(
    config: MilvusConfig, collection: str
) -> None:
    good = rows(3)
    bad = [
        row("nan", [float("nan")] * DIMENSION),
        row("zero", np.zeros(DIMENSION)),
        row("empty", []),
        row("x" * 600, good[0].vector),
        row("item-00000", good[1].vector),
    ]
    report = Writer(config, collection, dimension=DIMENSION).write([*good, *bad])
    assert report.written + len(report.rejected) == 8
    assert {(r.item_id, r.error_class) for r in report.rejected} == {
        ("nan", RowErrorClass.BAD_VECTOR),
        ("zero", RowErrorClass.BAD_VECTOR),
        ("empty", RowErrorClass.BAD_VECTOR),
        ("x" * 600, RowErrorClass.BAD_ID),
        ("item-00000", RowErrorClass.DUPLICATE_ID),
    }
    assert Searcher(config).count(collection) == 3


def test_what_is_settled_is_in_the_collection_or_rejected(
    config: MilvusConfig, collection: str
) -> None:
    sixty = rows(60)
    given = [*sixty[:30], row("nan", [float("nan")] * DIMENSION), *sixty[30:]]
    heard: list[tuple[int, int]] = []

    def settled(upto: int, rejected: Sequence[Rejected]) -> None:
        behind = [each.item_id for each in given[:upto]]
        refused = {each.item_id for each in rejected}
        found = Searcher(config).fetch(collection, [i for i in behind if i not in refused])
        heard.append((upto, len(found)))

    small = replace(config, batch_rows=20)
    report = Writer(small, collection, dimension=DIMENSION).write(given, settled)
    assert report.written == 60
    assert heard == [(20, 20), (41, 40), (61, 60)]


def test_a_cut_ecr_is_written_and_named(config: MilvusConfig, collection: str) -> None:
    long = row("long", np.ones(DIMENSION), ecr="é" * ECR_MAX_BYTES)
    report = Writer(config, collection, dimension=DIMENSION).write([long])
    assert (report.written, report.ecr_cut) == (1, ("long",))
    stored = Searcher(config).fetch(collection, ["long"])["long"]
    assert len(stored["ecr"].encode()) + stored["ecr_cut_bytes"] == 2 * ECR_MAX_BYTES


@pytest.mark.parametrize("max_inflight", [1, 3])
def test_batches_are_bounded_in_rows_and_bytes(
    upsert: Upsert, config: MilvusConfig, collection: str, max_inflight: int
) -> None:
    watched = FaultyUpsert(upsert, [])
    settings = replace(config, batch_rows=40, max_inflight=max_inflight)
    assert _writer(settings, collection, watched).write(rows(100)).written == 100
    assert sorted(watched.batch_sizes) == [20, 40, 40]

    big = [row(f"big-{n}", np.ones(DIMENSION), ecr="x" * 10_000) for n in range(10)]
    watched = FaultyUpsert(upsert, [])
    settings = replace(settings, batch_bytes=25_000)
    assert _writer(settings, collection, watched).write(big).written == 10
    assert sorted(watched.batch_sizes) == [2] * 5


@pytest.mark.at_length
@pytest.mark.parametrize(
    "fault", [_fault(8, "rate limit exceeded"), _fault(9, "force deny"), _fault(1, "deny to write")]
)
def test_a_rate_limit_slows_the_writer_and_loses_nothing(
    upsert: Upsert, config: MilvusConfig, collection: str, fault: Exception
) -> None:
    limited = FaultyUpsert(upsert, [fault] * 5)
    report = _writer(config, collection, limited).write(rows(250))
    assert (report.written, report.slowdowns) == (250, 5)
    assert Searcher(config).count(collection) == 250


@pytest.mark.at_length
def test_a_small_allowance_is_met_by_smaller_batches(
    upsert: Upsert, config: MilvusConfig, collection: str
) -> None:
    limited = FaultyUpsert(upsert, [], max_rows=30)
    report = _writer(config, collection, limited, patience_s=1e9).write(rows(100))
    assert report.written == 100
    assert max(size for size in limited.batch_sizes if size <= 30) == 25
    assert Searcher(config).count(collection) == 100


@pytest.mark.at_length
def test_a_server_that_only_refuses_ends_the_job(
    upsert: Upsert, config: MilvusConfig, collection: str
) -> None:
    limited = FaultyUpsert(upsert, [_fault(9, "force deny")] * 10_000)
    with pytest.raises(RuntimeFailure, match=f"upsert into {collection}: force deny"):
        _writer(config, collection, limited, patience_s=100.0).write(rows(10))


@pytest.mark.at_length
def test_a_broken_connection_is_tried_again_but_not_for_ever(
    upsert: Upsert, config: MilvusConfig, collection: str
) -> None:
    status = pytest.importorskip("grpc").StatusCode
    gone = _fault(status.UNAVAILABLE, "connection reset")
    report = _writer(config, collection, FaultyUpsert(upsert, [gone] * 3)).write(rows(10))
    assert (report.written, report.retries) == (10, 3)
    with pytest.raises(RuntimeFailure, match=r"went away \(connection reset"):
        _writer(config, collection, FaultyUpsert(upsert, [gone] * 100)).write(rows(10))


@pytest.mark.at_length
def test_any_other_refusal_is_raised_at_once(
    upsert: Upsert, config: MilvusConfig, collection: str
) -> None:
    wrong = FaultyUpsert(upsert, [_fault(6, "illegal argument")])
    with pytest.raises(RuntimeFailure, match="illegal argument"):
        _writer(config, collection, wrong).write(rows(10))
    assert wrong.batch_sizes == [10]


@pytest.mark.at_length
def test_a_server_that_takes_fewer_rows_than_it_says_is_found_out(
    config: MilvusConfig, collection: str
) -> None:
    def lossy(batch: Sequence[Entity]) -> int:
        """Acknowledges all but one row: silent loss, which no real server does on demand."""
        return len(batch) - 1

    with pytest.raises(RuntimeFailure, match="9 of 10 rows"):
        _writer(config, collection, lossy).write(rows(10))


def _load(config: MilvusConfig, collection: str, seed: int) -> None:
    Writer(config, collection, dimension=DIMENSION).write(rows(1000, seed=seed))


def test_two_processes_loading_the_same_rows_count_once(
    client: Any, config: MilvusConfig, collection: str
) -> None:
    spawn = multiprocessing.get_context("spawn")
    loaders = [spawn.Process(target=_load, args=(config, collection, seed)) for seed in (1, 2)]
    for loader in loaders:
        loader.start()
    for loader in loaders:
        loader.join(timeout=60)
        assert loader.exitcode == 0
    seal(client, config, collection)
    searcher = Searcher(config)
    assert searcher.count(collection) == 1000
    assert len(searcher.fetch(collection, [f"item-{n:05d}" for n in range(1000)])) == 1000
