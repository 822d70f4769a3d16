"""The real server with its quotas on: what an embedded one has none of."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.milvus.conftest import DIMENSION, rows
from tests.milvus_server import RealMilvus
from tte2_ray.milvus.client import Verdict, classify, connect, request_errors
from tte2_ray.milvus.collection import CollectionSpec, ensure_collection
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.writer import Writer, seal

LIMITS = {"dml": {"enabled": True, "insertRate": {"max": 0.05, "collection": {"max": 0.05}},
                  "upsertRate": {"max": 0.05}},
          "flushRate": {"enabled": True, "max": 0.2}}  # fmt: skip
"""MiB of rows, and flushes, a second."""


@pytest.fixture
def milvus(real_milvus: RealMilvus, tmp_path: Path) -> Iterator[MilvusConfig]:
    """A server of its own beside that of the session."""
    with RealMilvus(tmp_path / "limited", {"quotaAndLimits": LIMITS}) as server:
        yield MilvusConfig(uri=server.uri, batch_rows=100)


def verdict_of_flushes(client: Any, name: str, times: int) -> Verdict | None:
    """On the first flush that is refused."""
    try:
        for _ in range(times):
            client.flush(name, timeout=5, retry_on_rate_limit=False)
    except request_errors() as error:
        return classify(error)
    return None


def test_a_server_that_limits_rates_gets_all_rows_and_each_flush(milvus: MilvusConfig) -> None:
    client = connect(milvus)
    spec = CollectionSpec(index="limited", version="v1", fingerprint="f", dimension=DIMENSION)
    name = ensure_collection(client, milvus, spec)
    report = Writer(milvus, name, dimension=DIMENSION).write(rows(1000))
    assert report.written == 1000
    assert report.slowdowns > 0, "it said no"
    seal(client, milvus, name)
    seal(client, milvus, name)
    assert verdict_of_flushes(client, name, 3) is Verdict.SLOW_DOWN
    assert Searcher(milvus).count(name) == 1000
