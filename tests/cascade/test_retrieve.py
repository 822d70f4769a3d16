"""Retrieval on a real Milvus Lite server."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tte2_ray.cascade import retrieve
from tte2_ray.errors import ConfigError
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.collection import CollectionSpec, ensure_collection
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.rows import IndexRow
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.server import resolve, stop_server
from tte2_ray.milvus.writer import Writer, seal

DIMENSION = 8
VECTORS = np.eye(DIMENSION, dtype=np.float32)
LONG = 203
"""Not a multiple of what a processor adds at once: there a sum's last bits differ by its order."""
TWINS = 5
"""Items that share each vector."""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusConfig]:
    folder: Path = tmp_path_factory.mktemp("milvus")
    yield resolve(MilvusConfig(data_dir=str(folder)))
    stop_server(folder)


def load(config: MilvusConfig, index: str, ids: list[str], vectors_ND: Any) -> tuple[Searcher, str]:
    """A sealed collection, and what reads it."""
    client, dimension = connect(config), len(vectors_ND[0])
    spec = CollectionSpec(index=index, version="v1", fingerprint="f", dimension=dimension)
    name = ensure_collection(client, config, spec)
    rows = [
        IndexRow(item_id=item_id, vector=vector_D, ecr=f"ecr {n}", modality="text",
                 ecr_key="e", embedding_key="k", prompt_tokens=1, visual_tokens=0,
                 output_tokens=1, shard="s")
        for n, (item_id, vector_D) in enumerate(zip(ids, vectors_ND, strict=True))
    ]  # fmt: skip
    Writer(config, name, dimension=dimension).write(rows)
    seal(client, config, name)
    return Searcher(config), name


@pytest.fixture(scope="module")
def indexed(config: MilvusConfig) -> tuple[Searcher, str]:
    """Items `i0` to `i7` along the axes."""
    return load(config, "pools", [f"i{n}" for n in range(DIMENSION)], VECTORS)


@pytest.fixture(scope="module", params=["COSINE", "IP", "L2"])
def twins(request: pytest.FixtureRequest, config: MilvusConfig) -> tuple[Searcher, str]:
    """Items of which `TWINS` share each vector, in no order of their ids."""
    vectors_ND = np.repeat(units(80, seed=1), TWINS, axis=0)
    ids = [f"i{n:03d}" for n in np.random.default_rng(2).permutation(len(vectors_ND))]
    metric = replace(config, metric=request.param)
    return load(metric, f"twins_{request.param}".lower(), ids, vectors_ND)


def units(count: int, *, seed: int) -> Any:
    """Vectors of length 1."""
    vectors_ND = np.random.default_rng(seed).normal(size=(count, LONG)).astype(np.float32)
    return vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)


def test_each_query_is_answered_from_its_own_pool_in_its_own_place(
    indexed: tuple[Searcher, str],
) -> None:
    pools = [(), ("i5", "i6"), (), ("i5", "i6"), ("i0",)]
    hits = retrieve(*indexed, VECTORS[[3, 5, 4, 6, 7]], pools, 3, output_fields=["ecr"])
    assert [found[0].item_id for found in hits] == ["i3", "i5", "i4", "i6", "i0"]
    assert [len(found) for found in hits] == [3, 2, 3, 2, 1]
    assert hits[3][0].fields["ecr"] == "ecr 6"
    assert hits[1][0].score == pytest.approx(1.0)


def test_no_query_is_no_request(indexed: tuple[Searcher, str]) -> None:
    assert retrieve(*indexed, VECTORS[:0], [], 3) == []


def test_vectors_without_their_pools_are_refused(indexed: tuple[Searcher, str]) -> None:
    with pytest.raises(ConfigError, match="2 queries, 1 pools"):
        retrieve(*indexed, VECTORS[:2], [()], 3)


def test_in_a_pool_a_query_scores_alone_as_it_does_among_others(
    twins: tuple[Searcher, str],
) -> None:
    draw = np.random.default_rng(3)
    for seed in range(12):
        pool = tuple(f"i{n:03d}" for n in draw.permutation(80 * TWINS)[: draw.integers(2, 400)])
        queries_QD = units(int(draw.integers(2, 70)), seed=seed)
        together = retrieve(*twins, queries_QD, [pool] * len(queries_QD), len(pool))
        asked = draw.integers(len(queries_QD), size=4)
        alone = [retrieve(*twins, queries_QD[[q]], [pool], len(pool))[0] for q in asked]
        assert alone == [together[q] for q in asked]


def test_twins_keep_the_order_of_their_pool(twins: tuple[Searcher, str]) -> None:
    searcher, name = twins
    pool = tuple(f"i{n:03d}" for n in np.random.default_rng(4).permutation(80 * TWINS)[:301])
    stored = searcher.fetch(name, pool, output_fields=["vector"])
    for hits in retrieve(*twins, units(30, seed=5), [pool] * 30, len(pool)):
        places: dict[bytes, list[int]] = {}
        for hit in hits:
            vector = np.asarray(stored[hit.item_id]["vector"], dtype=np.float32).tobytes()
            places.setdefault(vector, []).append(pool.index(hit.item_id))
        assert all(each == sorted(each) for each in places.values())


def test_over_the_whole_index_ties_stand_by_id_whatever_else_is_asked(
    twins: tuple[Searcher, str],
) -> None:
    k = 10 * TWINS  # whole groups of twins: which of the last are found is left to Milvus
    queries_QD = units(64, seed=6)
    together = retrieve(*twins, queries_QD, [()] * 64, k)
    assert together == [retrieve(*twins, queries_QD[[q]], [()], k)[0] for q in range(64)]
    sign = 1 if twins[0].metric == "L2" else -1
    for hits in together:
        assert hits == sorted(hits, key=lambda hit: (sign * hit.score, hit.item_id))
        assert len({hit.score for hit in hits}) <= k // TWINS
