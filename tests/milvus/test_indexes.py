"""Every index type and metric that a job may choose: built, loaded, verified and searched."""

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.milvus.conftest import DIMENSION, row, rows
from tte2_ray.milvus.collection import CollectionSpec, describe, ensure_collection
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.rows import IndexRow
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.verify import VerifyConfig, VerifyReport, verify
from tte2_ray.milvus.writer import Writer, seal

ROWS, TWINS = 1000, 20
INDEXED_ROWS, INDEXED_S = 4000, 90.0
"""A server indexes no segment of fewer than 1,024 rows, and searches an index some time after it
says that it is finished: Milvus 2.3.5 between 10 and 30 s."""
CELLS = {"nlist": 16}
GRAPH = {"M": 8, "efConstruction": 64}


@pytest.fixture
def chosen(request: pytest.FixtureRequest, client: Any, config: MilvusConfig) -> Iterator[Any]:
    """The configuration of the case, and the collection made after it."""
    index_type, metric, index_params, search_params = request.param
    milvus = replace(
        config,
        index_type=index_type,
        metric=metric,
        index_params=index_params,
        search_params=search_params,
    )
    spec = CollectionSpec(index="indexes", version="v1", fingerprint="f1", dimension=DIMENSION)
    name = ensure_collection(client, milvus, spec)
    yield milvus, name
    client.drop_collection(name)


def unit_rows(length: float = 1.0) -> list[IndexRow]:
    """Vectors of one length, as the engines give them: under IP a longer one would come first."""
    made = []
    for each in rows(ROWS):
        vector = np.asarray(each.vector)
        made.append(replace(each, vector=vector / np.linalg.norm(vector) * length))
    return made


def load(client: Any, milvus: MilvusConfig, name: str, loaded: list[IndexRow]) -> None:
    """The rows, and twins of the first ones."""
    twins = [row(f"twin-{n}", each.vector) for n, each in enumerate(loaded[:TWINS])]
    report = Writer(milvus, name, dimension=DIMENSION).write([*loaded, *twins])
    assert report.written == ROWS + TWINS
    seal(client, milvus, name)


def check(milvus: MilvusConfig, name: str, sample: dict[str, Any] | None) -> VerifyReport:
    return verify(
        Searcher(milvus), name, expected_rows=ROWS + TWINS, config=VerifyConfig(), sample=sample
    )


def nearness(metric: str, query_D: Any, vectors_ND: Any) -> Any:
    """What Milvus scores with, computed here; for L2 it is the square of the distance."""
    if metric == "L2":
        return ((vectors_ND - query_D) ** 2).sum(axis=1)
    lengths_N = np.linalg.norm(vectors_ND, axis=1) * np.linalg.norm(query_D)
    return vectors_ND @ query_D / (lengths_N if metric == "COSINE" else 1.0)


@pytest.mark.parametrize(
    "chosen",
    [
        ("FLAT", "COSINE", {}, {}),
        ("HNSW", "IP", GRAPH, {"ef": 400}),
        ("HNSW", "L2", GRAPH, {"ef": 400}),
        ("IVF_FLAT", "COSINE", CELLS, {"nprobe": 16}),
    ],
    indirect=True,
    ids=lambda case: f"{case[0]}-{case[1]}",
)
def test_an_index_is_built_verified_and_searched_as_configured(
    client: Any, chosen: tuple[MilvusConfig, str]
) -> None:
    milvus, name = chosen
    loaded = unit_rows()
    load(client, milvus, name, loaded)
    info = describe(client, milvus, name)
    assert (info.index_type, info.metric) == (milvus.index_type, milvus.metric)

    report = check(milvus, name, None)
    assert report.passed, report.problems
    report = check(milvus, name, {each.item_id: each.vector for each in loaded[: 2 * TWINS]})
    assert (report.self_recall, report.tied_share) == (1.0, 0.5), "half of them have a twin"
    shifted = {a.item_id: b.vector for a, b in pairwise(loaded[TWINS : TWINS + 9])}
    assert check(milvus, name, shifted).self_recall == 0.0, "vectors under the wrong ids"

    vectors_ND = np.asarray([each.vector for each in loaded])
    pool = [each.item_id for each in loaded]  # without their twins there is one right order
    queries_QD = np.random.default_rng(9).normal(size=(4, DIMENSION)).astype(np.float32)
    hits_QK = Searcher(milvus).search(name, queries_QD, 10, strong=True)
    for query_D, hits in zip(queries_QD, hits_QK, strict=True):
        of_id = dict(zip(pool, nearness(milvus.metric, query_D, vectors_ND), strict=True))
        of_id |= {f"twin-{n}": of_id[each.item_id] for n, each in enumerate(loaded[:TWINS])}
        assert [hit.score for hit in hits] == pytest.approx(
            [of_id[hit.item_id] for hit in hits], rel=1e-4
        )
        ranked = sorted(hits, key=lambda hit: hit.score, reverse=milvus.metric != "L2")
        assert hits == ranked, "the nearest first"
        nearer = -1.0 if milvus.metric == "L2" else 1.0
        least = sorted((nearer * score for score in of_id.values()), reverse=True)[9]
        right = [hit for hit in hits if nearer * hit.score >= least - 1e-4]
        assert len(right) >= 8, "an index may miss some"

    exact_QK = Searcher(milvus).among(name, queries_QD, 10, pool)
    for query_D, hits in zip(queries_QD, exact_QK, strict=True):
        scores_N = nearness(milvus.metric, query_D, vectors_ND)
        best = np.argsort(scores_N if milvus.metric == "L2" else -scores_N)[:10]
        assert [hit.item_id for hit in hits] == [pool[place] for place in best]
        assert [hit.score for hit in hits] == pytest.approx(
            [scores_N[place] for place in best], rel=1e-4, abs=1e-5
        )


@pytest.mark.parametrize("chosen", [("IVF_FLAT", "COSINE", CELLS, {"nprobe": 1})], indirect=True)
def test_the_parameters_reach_the_index(client: Any, chosen: tuple[MilvusConfig, str]) -> None:
    milvus, name = chosen
    Writer(milvus, name, dimension=DIMENSION).write(rows(INDEXED_ROWS))
    seal(client, milvus, name)
    query_QD = np.ones((1, DIMENSION), dtype=np.float32)

    def found(nprobe: int) -> int:
        searcher = Searcher(replace(milvus, search_params={"nprobe": nprobe}))
        return len(searcher.search(name, query_QD, INDEXED_ROWS, strong=True)[0])

    deadline = time.monotonic() + INDEXED_S
    while found(1) == INDEXED_ROWS and time.monotonic() < deadline:
        time.sleep(0.5)
    assert found(1) < INDEXED_ROWS / 4, "of 16 cells one was searched"
    assert found(CELLS["nlist"]) == INDEXED_ROWS


@pytest.mark.parametrize("chosen", [("HNSW", "IP", {}, {})], indirect=True)
def test_equal_rows_tie_however_long_their_vectors_are(
    client: Any, chosen: tuple[MilvusConfig, str]
) -> None:
    milvus, name = chosen
    loaded = unit_rows(length=300.0)
    load(client, milvus, name, loaded)
    report = check(milvus, name, {each.item_id: each.vector for each in loaded[:TWINS]})
    assert (report.self_recall, report.tied_share) == (1.0, 1.0)
