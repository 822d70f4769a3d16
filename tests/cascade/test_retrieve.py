"""Retrieval on a real Milvus Lite server."""

from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Searcher, str]]:
    """Items `i0` to `i7` along the axes."""
    folder: Path = tmp_path_factory.mktemp("milvus")
    config = resolve(MilvusConfig(data_dir=str(folder)))
    client = connect(config)
    spec = CollectionSpec(index="pools", version="v1", fingerprint="f", dimension=DIMENSION)
    name = ensure_collection(client, config, spec)
    rows = [
        IndexRow(item_id=f"i{n}", vector=VECTORS[n], ecr=f"ecr {n}", modality="text",
                 ecr_key="e", embedding_key="k", prompt_tokens=1, visual_tokens=0,
                 output_tokens=1, shard="s")
        for n in range(DIMENSION)
    ]  # fmt: skip
    Writer(config, name, dimension=DIMENSION).write(rows)
    seal(client, config, name)
    yield Searcher(config, client=client), name
    stop_server(folder)


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
