"""Loading by files where everything lies on S3: the artifacts, the files, and what Milvus keeps."""

from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from moto.server import ThreadedMotoServer

from tests.milvus_server import RealMilvus
from tests.stages.test_bulk_load import GOOD, PER_SHARD, ROWS, die_at, require_whole
from tests.stages.test_load import DIMENSION, given
from tte2_ray.artifacts.store import open_store
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.collection import CollectionSpec, ensure_collection
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.writer import seal
from tte2_ray.stages.bulk_load import BulkLoadShards
from tte2_ray.stages.load import LoadWork

BUCKET = "milvus"
KEYS = ("test", "test-secret")
"""The server takes no secret of fewer than eight letters."""


@pytest.fixture
def endpoint(real_milvus: RealMilvus, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """Of an S3 with the bucket of Milvus, in the standard AWS environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), KEYS, strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    botocore.session.Session().create_client("s3").create_bucket(Bucket=BUCKET)
    yield host, port
    server.stop()


@pytest.fixture
def milvus(endpoint: tuple[str, int], tmp_path: Path) -> Iterator[MilvusConfig]:
    """Of a server that keeps everything there."""
    place = {"address": endpoint[0], "port": endpoint[1], "accessKeyID": KEYS[0],
             "secretAccessKey": KEYS[1], "bucketName": BUCKET, "region": "us-east-1"}  # fmt: skip
    settings = {"common": {"storageType": "minio"}, "minio": place}
    with RealMilvus(tmp_path / "on-s3", settings) as server:
        yield MilvusConfig(uri=server.uri, metadata_fields=("year",), load="bulk",
                           bulk_uri=f"s3://{BUCKET}/imports", patience_s=60.0)  # fmt: skip


def test_a_call_that_was_killed_is_done_again(milvus: MilvusConfig) -> None:
    spec = CollectionSpec(index="on_s3", version="v1", fingerprint="f", dimension=DIMENSION)
    ensure_collection(connect(milvus), milvus, spec)
    work = LoadWork(root=f"s3://{BUCKET}/store", ecr_prefix="ecr/f", vector_prefix="vectors/f",
                    prefix="indexes/i/v1/load", dead_letter_prefix="dead-letter/i", milvus=milvus,
                    collection=spec.name, dimension=DIMENSION)  # fmt: skip
    shards = given(open_store(work.root), rows=ROWS, per_shard=PER_SHARD)
    die_at("asked for, its number unknown", work, shards)
    assert sum(counts.done for counts in BulkLoadShards(work).commit(shards)) == GOOD
    require_whole(work, shards)
    seal(connect(milvus), milvus, spec.name)
    kept = [key for key, _ in open_store(f"s3://{BUCKET}").list("files/insert_log")]
    assert kept, "Milvus keeps its segments there"
