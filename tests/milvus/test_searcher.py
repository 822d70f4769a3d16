from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.milvus.conftest import DIMENSION, row, rows
from tte2_ray.errors import ConfigError
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.writer import Writer, seal

NASTY_IDS = [
    'say "hi"',
    "it's",
    "back\\slash",
    "\\",
    '\\"',
    "\\n",
    "line\nend",
    "return\r",
    "tab\t",
    "\x01\x7f",
    "\u2028",
    "é漢😀",
    "{item_ids}",
    "%_",
    '"] or item_id != ["',
    " or 1 == 1",
    "item_id",
]

any_id = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@pytest.fixture
def searcher(config: MilvusConfig) -> Searcher:
    return Searcher(config)


def test_search_finds_the_nearest_first(
    config: MilvusConfig, collection: str, searcher: Searcher
) -> None:
    loaded = rows(300)
    Writer(config, collection, dimension=DIMENSION).write(loaded)
    vectors_ND = np.asarray([item.vector for item in loaded])
    units_ND = vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    queries_QD = np.random.default_rng(9).normal(size=(4, DIMENSION)).astype(np.float32)
    cosines_QN = queries_QD @ units_ND.T / np.linalg.norm(queries_QD, axis=1, keepdims=True)

    hits_QK = searcher.search(collection, queries_QD, 10, output_fields=["ecr"], strong=True)
    for hits, cosines_N in zip(hits_QK, cosines_QN, strict=True):
        best = np.argsort(-cosines_N)[:10]
        assert [hit.item_id for hit in hits] == [loaded[place].item_id for place in best]
        assert [hit.score for hit in hits] == pytest.approx(cosines_N[best], abs=1e-5)
        assert hits[0].fields == {"ecr": loaded[best[0]].ecr}


def test_all_of_a_pool_is_found(
    client: Any, config: MilvusConfig, collection: str, searcher: Searcher
) -> None:
    loaded = rows(2000)
    Writer(config, collection, dimension=DIMENSION).write(loaded)
    seal(client, config, collection)
    pool = [item.item_id for item in loaded[7:1400:200]]
    query_QD = np.ones((1, DIMENSION), dtype=np.float32)
    found = searcher.among(collection, query_QD, 50, [*pool, "absent"], output_fields=["ecr"])[0]
    assert sorted(hit.item_id for hit in found) == sorted(pool)
    by_id = {item.item_id: item for item in loaded}
    for hit in found:
        vector_D = np.asarray(by_id[hit.item_id].vector)
        assert hit.score == pytest.approx(vector_D.sum() / np.linalg.norm(vector_D) / 4, abs=1e-5)
        assert hit.fields == {"ecr": by_id[hit.item_id].ecr}
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    assert [len(hits) for hits in searcher.among(collection, query_QD, 3, pool)] == [3]
    assert searcher.among(collection, query_QD, 50, ["absent"]) == [[]]
    with pytest.raises(ConfigError, match="k is 0"):
        searcher.among(collection, query_QD, 0, pool)
    assert searcher.among(collection, query_QD, 50, []) == [[]]
    assert len(searcher.fetch(collection, [item.item_id for item in loaded])) == 2000


def test_ids_with_signs_of_the_filter_language_are_only_ids(
    config: MilvusConfig, collection: str, searcher: Searcher
) -> None:
    vector = np.ones(DIMENSION)
    Writer(config, collection, dimension=DIMENSION).write([row(i, vector) for i in NASTY_IDS])
    query_QD = np.ones((1, DIMENSION), dtype=np.float32)
    for item_id in NASTY_IDS:
        assert list(searcher.fetch(collection, [item_id], output_fields=["shard"])) == [item_id]
        hits = searcher.among(collection, query_QD, 5, [item_id])[0]
        assert [hit.item_id for hit in hits] == [item_id]
    assert set(searcher.fetch(collection, NASTY_IDS)) == set(NASTY_IDS)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(item_id=any_id.filter(lambda text: len(text.encode()) <= 512))
def test_any_id_finds_itself_and_nothing_else(
    config: MilvusConfig, collection: str, searcher: Searcher, item_id: str
) -> None:
    vector = np.ones(DIMENSION)
    Writer(config, collection, dimension=DIMENSION).write(
        [row(item_id, vector), row("decoy", vector)]
    )
    assert list(searcher.fetch(collection, [item_id], output_fields=["shard"])) == [item_id]


@pytest.mark.parametrize("k", [0, -1, 16_385])
def test_k_is_bounded(collection: str, searcher: Searcher, k: int) -> None:
    with pytest.raises(ConfigError, match="k is"):
        searcher.search(collection, np.ones((1, DIMENSION), dtype=np.float32), k)


def test_more_hits_than_rows_gives_the_rows(
    config: MilvusConfig, collection: str, searcher: Searcher
) -> None:
    Writer(config, collection, dimension=DIMENSION).write(rows(3))
    hits_QK = searcher.search(
        collection, np.ones((2, DIMENSION), dtype=np.float32), 300, strong=True
    )
    assert [len(hits) for hits in hits_QK] == [3, 3]


def test_an_empty_collection_counts_nothing_and_finds_nothing(
    collection: str, searcher: Searcher
) -> None:
    assert searcher.count(collection) == 0
    assert searcher.search(collection, np.ones((1, DIMENSION), dtype=np.float32), 5) == [[]]
    assert searcher.fetch(collection, ["a"]) == {}
