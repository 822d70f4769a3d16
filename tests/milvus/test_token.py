"""A server that asks for a token: Milvus Lite asks for none, so its answers come from a double."""

import base64
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tte2_ray.errors import ConfigError
from tte2_ray.milvus.client import connect, typed_errors
from tte2_ray.milvus.config import MilvusConfig

grpc = pytest.importorskip("grpc")
from pymilvus.grpc_gen import common_pb2, milvus_pb2, milvus_pb2_grpc  # noqa: E402

TOKEN = "root:right"


class Guarded(milvus_pb2_grpc.MilvusServiceServicer):
    """A double of Milvus' proxy: it takes one token, and refuses as its interceptor does
    (milvus-io/milvus, internal/proxy/authentication_interceptor.go)."""

    def Connect(self, request, context):  # noqa: N802 gRPC's name
        self._authenticate(context)
        return milvus_pb2.ConnectResponse(status=common_pb2.Status(), identifier=1)

    def ShowCollections(self, request, context):  # noqa: N802 gRPC's name
        self._authenticate(context)
        return milvus_pb2.ShowCollectionsResponse(status=common_pb2.Status())

    def _authenticate(self, context) -> None:
        given = dict(context.invocation_metadata()).get("authorization", "")
        if not given:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "missing authorization in header")
        if base64.b64decode(given).decode() != TOKEN:
            context.abort(
                grpc.StatusCode.UNAUTHENTICATED,
                "auth check failure, please check username and password are correct",
            )


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """The URI of a server that takes `TOKEN` alone."""
    server = grpc.server(ThreadPoolExecutor(2))
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(Guarded(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop(grace=None)


@pytest.mark.parametrize("token", ["root:wrong", ""])
def test_a_token_that_is_refused_is_a_wrong_value(guarded: str, token: str) -> None:
    began = time.monotonic()
    with pytest.raises(ConfigError, match=r"milvus\.token"):
        connect(MilvusConfig(uri=guarded, token=token, connect_timeout_s=60.0))
    assert time.monotonic() - began < 30, "it is not asked again until the time is up"


def test_the_token_that_is_right_is_taken(guarded: str) -> None:
    client = connect(MilvusConfig(uri=guarded, token=TOKEN))
    with typed_errors("list"):
        assert client.list_collections() == []
    client.close()
