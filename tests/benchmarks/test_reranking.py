"""The rerank job beside its slowest stage: the whole benchmark on fakes, and what it refuses."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import configured, gate, reranking
from benchmarks.bare_cascade import BareOrders
from benchmarks.gathered import Cost, committed_first
from benchmarks.logs import distinct_queries, repeating
from benchmarks.reranking import PhaseTimes, require_slowest
from tests.pipelines.without_ray import in_process
from tools.shown import Row
from tools.worlds import find_world, read_items
from tte2_ray.artifacts.shards import Shard
from tte2_ray.pipelines import flow, nodes
from tte2_ray.pipelines.index import job as index_job
from tte2_ray.schema import Item
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.ready import Ready
from tte2_ray.stages.work import shard_rows

FAKES = ("judge.engine.kind=fake", "rewriter.engine.kind=fake", "log.queries_per_shard=2")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return find_world(tmp_path_factory.mktemp("worlds"), 20_260_101, "test", 3)[0]


def test_queries_of_a_log_are_distinct_and_those_of_the_other_are_not(world: Path) -> None:
    found = distinct_queries(world, 20)
    asked = {(query.instruction, query.given.text, query.given.image_uris, query.given.video_uri)
             for query in found}  # fmt: skip
    assert len(asked) == 20
    assert not any(query.pool for query in found), "they search the whole index"
    with pytest.raises(ValueError, match="99 queries are wanted"):
        distinct_queries(world, 99)
    again = repeating(found, 20)
    assert again == repeating(found, 20)
    assert 5 < len({query.given.item_id for query in again}) < 18


def _times(reason: float, rerank: float, bare: float) -> dict[str, PhaseTimes]:
    orders = BareOrders(seconds=bare, first={})
    return {
        "reason": PhaseTimes(rounds=[reason] * 2, repeating=reason),
        "rerank": PhaseTimes(rounds=[rerank] * 2, repeating=rerank, bare=[orders] * 2),
    }


def _cost(distinct: int, tokens: int) -> Cost:
    return Cost(rows=10, distinct=distinct, tokens=tokens, driver_s=2.0)


def test_the_time_of_the_job_is_that_of_all_phases_and_of_the_driver() -> None:
    found = reranking._speeds(_times(1.0, 3.0, 4.0), _cost(10, 100), queries=5)
    job, phase, rate = found[:3]
    assert (job.value, job.holds, phase.value) == (4.0 / 5.0, True, pytest.approx(4 / 3))
    assert rate.value == 5 / 5.0
    slower = reranking._speeds(_times(1.1, 3.0, 4.0), _cost(10, 100), queries=5)
    assert not slower[0].holds
    with pytest.raises(ValueError, match="the slowest phase is reason"):
        require_slowest("rerank", _times(3.5, 3.0, 4.0))


@pytest.mark.parametrize(("tokens", "holds"), [(40, True), (49, True), (60, False)])
def test_repeats_must_cost_no_more_than_their_distinct_queries(tokens: int, holds: bool) -> None:
    once, again = _cost(10, 100), _cost(4, tokens)
    share, spent, seconds = reranking._repeats(_times(1.0, 3.0, 4.0), once, again)
    assert (share.value, spent.value, spent.holds) == (0.4, tokens / 100, holds)
    assert not share.target, "it is below its own share whatever the job does"
    assert (seconds.value, seconds.holds) == (6 / 10, False)


class Bare:
    """A double of the bare engines: what they find is what the retriever found first."""

    def __init__(self) -> None:
        self.prepared: list[str] = []

    def prepare(self, ready: Sequence[Ready]) -> None:
        self.prepared = [query.item.item_id for query in ready]

    def rerank(self, ready: Sequence[Ready], batches: int) -> BareOrders:
        assert [query.item.item_id for query in ready] == self.prepared
        assert all(len(query.candidates) == 50 for query in ready)
        assert any(c.visual_tokens for query in ready for c in query.candidates), "to be rewritten"
        first = {query.item.item_id: query.candidates[0].item_id for query in ready}
        return BareOrders(seconds=float(batches), first=first)


def _here(stage: Any, given: gate.Gated, shards: Sequence[Shard], _: object) -> list[Counts]:
    """A double of `run_phase`: the gated stage works in this process."""

    async def work() -> None:
        built = stage(given)
        for row in shard_rows(shards):
            await built({name: np.array([value]) for name, value in row.items()})

    asyncio.run(work())
    return []


@pytest.fixture
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray is left out, store and Milvus are real; models are fakes."""
    places = configured._places
    fakes = ["reasoner.engine.kind=fake", "embedder.engine.kind=fake"]
    monkeypatch.setattr(configured, "_places", lambda folder: [*places(folder), *fakes])
    for module in (reranking, index_job):
        monkeypatch.setattr(module, "cluster", lambda _: nullcontext(False))
    monkeypatch.setattr(nodes, "require_cluster", lambda *_, **__: None)
    monkeypatch.setattr(flow, "run_phase", in_process)
    monkeypatch.setattr(gate, "run_phase", _here)


@pytest.mark.usefixtures("without_ray")
def test_the_whole_job_is_timed_on_two_logs(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare, first = Bare(), dict[str, str]()

    @contextmanager
    def engines(
        config: Any, items: dict[str, Item], warm: Sequence[Ready]
    ) -> Iterator[tuple[Bare, int, list[Row]]]:
        assert (len(items), 0 < len(warm) <= 4) == (128, True)
        yield bare, 2, []

    def remembered(log: Any) -> dict[str, str]:
        first.update(committed_first(log))
        return first

    monkeypatch.setattr(reranking, "bare_cascade", engines)
    monkeypatch.setattr(reranking, "committed_first", remembered)
    monkeypatch.setattr(reranking, "find_items", lambda rows: (read_items(world), world))
    monkeypatch.setattr(reranking, "INDEXED", 128)
    compared: list[tuple[str, list[str]]] = []  # which of them is slower is chance among fakes
    monkeypatch.setattr(
        reranking, "require_slowest", lambda name, times: compared.append((name, list(times)))
    )
    rows = {row.name: row for row in reranking.reranking(tmp_path, 4, 2, FAKES)}

    def of(begin: str) -> Row:
        return next(row for name, row in rows.items() if name.startswith(begin))

    assert (of("rerank alone by bare engines").value, of("rerank job /").n) == (2.0, 2)
    assert compared == [("rerank", ["reason", "embed", "rerank"])]
    alike = of("queries whose first candidate is the same")
    assert alike.n == len(first) == 8
    distinct, tokens = of("distinct queries of a log of 8"), of("tokens of a log of 8")
    assert distinct.value < 1
    assert tokens.value == pytest.approx(distinct.value, abs=0.2)
