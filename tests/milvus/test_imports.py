"""What a real server says of its imports; an embedded one knows of none."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.milvus.conftest import DIMENSION, rows
from tests.milvus_server import RealMilvus
from tte2_ray.milvus.client import connect, request_errors
from tte2_ray.milvus.collection import CollectionSpec, ensure_collection
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.imports import Imports, ImportTask
from tte2_ray.milvus.row_file import RowFile
from tte2_ray.milvus.rows import to_entity
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.shard_rows import ShardRows


@pytest.fixture
def milvus(real_milvus: RealMilvus) -> MilvusConfig:
    return MilvusConfig(uri=real_milvus.uri, metadata_fields=("title",))


@pytest.fixture
def imported_into(milvus: MilvusConfig, index: str) -> Iterator[str]:
    client = connect(milvus)
    spec = CollectionSpec(index=index, version="v1", fingerprint="f", dimension=DIMENSION)
    yield ensure_collection(client, milvus, spec)
    client.drop_collection(spec.name)


@pytest.fixture
def imports(milvus: MilvusConfig, imported_into: str) -> Imports:
    return Imports(connect(milvus), milvus, imported_into)


def ended(imports: Imports, number: int) -> ImportTask:
    deadline = time.monotonic() + 120
    while (task := imports.task(number)).state == "running":
        assert time.monotonic() < deadline, task.said
        time.sleep(0.1)
    return task


def test_rows_of_a_file_are_those_that_requests_would_bring(
    milvus: MilvusConfig, imported_into: str, imports: Imports, tmp_path: Path
) -> None:
    loaded = rows(50)
    odd = 'say "é" \\ \n 漢😀'
    loaded[7] = type(loaded[7])(
        **{**vars(loaded[7]), "ecr": odd * 90, "metadata": {"title": odd, "private": "no"}}
    )
    file = RowFile(tmp_path / "rows.parquet")
    entities = [to_entity(each, dimension=DIMENSION, metadata_fields=("title",))[0]
                for each in loaded]  # fmt: skip
    file.write(entities[:20])
    file.write(entities[20:])
    file.close()
    assert file.rows == 50
    task = ended(imports, imports.ask(str(file.file), key="a"))
    assert (task.state, task.file, task.reason) == ("completed", str(file.file), "")
    assert [each.number for each in imports.tasks()] == [task.number]
    ShardRows(connect(milvus), milvus, imported_into).show()
    searcher = Searcher(milvus)
    assert searcher.count(imported_into) == 50
    found = searcher.fetch(imported_into, [each.item_id for each in loaded],
                           output_fields=list(entities[0]))  # fmt: skip
    for entity in entities:
        stored = found[entity["item_id"]]
        assert stored.pop("vector") == pytest.approx(entity["vector"].tolist())
        assert stored == {name: value for name, value in entity.items() if name != "vector"}


def test_an_import_appends(
    milvus: MilvusConfig, imported_into: str, imports: Imports, tmp_path: Path
) -> None:
    """The reason of all the care: a file that is imported twice is every row twice."""
    file = RowFile(tmp_path / "rows.parquet")
    file.write([to_entity(each, dimension=DIMENSION, metadata_fields=())[0] for each in rows(5)])
    file.close()
    for number in [imports.ask(str(file.file), key=key) for key in "ab"]:
        assert ended(imports, number).state == "completed"
    of_shards = ShardRows(connect(milvus), milvus, imported_into)
    of_shards.show()
    assert of_shards.wait_for(["shard-00000"], 10) == 10
    assert of_shards.counts(["shard-00000", "other"]) == {"shard-00000": 10}
    of_shards.remove(["shard-00000"])
    assert of_shards.count(["shard-00000"]) == 0


def test_a_file_that_is_not_there_is_told(imports: Imports) -> None:
    task = ended(imports, imports.ask("/no/such.parquet", key="a"))
    assert task.state == "failed"
    assert "/no/such.parquet" in task.reason


def test_a_task_that_is_not_there_is_an_error(imports: Imports) -> None:
    with pytest.raises(request_errors(), match="key not found"):
        imports.task(1)


def test_a_request_is_not_repeated_by_the_client(imports: Imports, milvus: MilvusConfig) -> None:
    """pymilvus would ask again for as long as the timeout lasts; then both may be heard."""
    heard: list[Any] = []
    grpc = pytest.importorskip("grpc")

    class Breaking:
        """Loses the answer, as a connection does that breaks; a server cannot be told to."""

        def __getattr__(self, name: str) -> Any:
            heard.append(name)

            class Lost(grpc.RpcError):
                def code(self) -> Any:
                    return grpc.StatusCode.UNAVAILABLE

            raise Lost

    connection = imports._client._get_connection()
    stub, connection._stub = connection._stub, Breaking()
    try:
        with pytest.raises(request_errors()):
            imports.ask("/some.parquet", key="a")
    finally:
        connection._stub = stub
    assert heard == ["Import"]


def test_the_protocol_has_no_keys_yet() -> None:
    """Where this fails, keys have come: `ask` sends them, and docs/milvus.md says it does not."""
    from pymilvus.client.prepare import Prepare

    request = Prepare.do_bulk_insert("c", "", ["f"])
    assert "idempotency_key" not in request.DESCRIPTOR.fields_by_name
