"""One server for the session: `milvus-lite server` on a free port, or what --milvus-uri names."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tte2_ray.milvus.client import connect
from tte2_ray.milvus.collection import CollectionSpec, ensure_collection
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.rows import IndexRow
from tte2_ray.milvus.server import resolve, stop_server

DIMENSION = 16


@pytest.fixture(scope="session")
def config(milvus_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusConfig]:
    if milvus_uri:
        yield MilvusConfig(uri=milvus_uri, batch_rows=100)
        return
    data_dir = tmp_path_factory.mktemp("milvus")
    yield resolve(MilvusConfig(data_dir=str(data_dir), batch_rows=100))
    stop_server(data_dir)


@pytest.fixture(scope="session")
def client(config: MilvusConfig) -> Any:
    return connect(config)


@pytest.fixture
def index(request: pytest.FixtureRequest) -> str:
    """An index name of the test's own."""
    return str(request.node.name).split("[")[0].replace("__", "_")


@pytest.fixture
def collection(client: Any, config: MilvusConfig, index: str) -> Iterator[str]:
    spec = CollectionSpec(index=index, version="v1", fingerprint="f1", dimension=DIMENSION)
    name = ensure_collection(client, config, spec)
    yield name
    client.drop_collection(name)


@pytest.fixture
def make_rows() -> Callable[..., list[IndexRow]]:
    return rows


def rows(count: int, *, seed: int = 0, prefix: str = "item-") -> list[IndexRow]:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return [row(f"{prefix}{number:05d}", vectors[number]) for number in range(count)]


def row(item_id: str, vector: Any, **changes: Any) -> IndexRow:
    values: dict[str, Any] = {
        "item_id": item_id,
        "vector": vector,
        "ecr": f"<think>what is {item_id}</think> It is {item_id}.",
        "modality": "image",
        "ecr_key": "e" * 64,
        "embedding_key": "k" * 64,
        "shard": "shard-00000",
        "prompt_tokens": 12,
        "visual_tokens": 9,
        "output_tokens": 30,
        "metadata": {"title": item_id, "private": "stays behind"},
    }
    return IndexRow(**{**values, **changes})
