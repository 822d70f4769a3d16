from typing import Any

import pytest

from tests.milvus.conftest import DIMENSION, row
from tte2_ray.errors import ConfigError, PrerequisiteError
from tte2_ray.milvus.abilities import abilities
from tte2_ray.milvus.bulk import require_importing
from tte2_ray.milvus.client import request_errors
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.rows import to_entity
from tte2_ray.milvus.upsert import ColumnUpsert


@pytest.fixture
def is_lite(client: Any, config: MilvusConfig) -> bool:
    return abilities(client, config).version.startswith("milvus_lite")


def test_a_server_says_what_it_is_and_whether_it_imports_files(
    client: Any, config: MilvusConfig
) -> None:
    found = abilities(client, config)
    assert found.version == client.get_server_version()
    assert found.imports_files == (not found.version.startswith("milvus_lite"))


def test_a_server_without_imports_is_refused_where_they_are_asked_for(
    config: MilvusConfig, is_lite: bool, tmp_path: Any
) -> None:
    asked = MilvusConfig(uri=config.uri, load="bulk", bulk_uri=str(tmp_path))
    if is_lite:
        with pytest.raises(PrerequisiteError, match=r"milvus_lite.*load=auto or upsert"):
            require_importing(asked, write=True)
    else:
        require_importing(asked, write=True)
    require_importing(MilvusConfig(uri=config.uri, bulk_uri=str(tmp_path)), write=False)


def test_a_place_for_files_that_cannot_be_written_is_refused(
    config: MilvusConfig, tmp_path: Any
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PrerequisiteError, match="file"):
        require_importing(MilvusConfig(uri=config.uri, bulk_uri=str(tmp_path / "file")), write=True)


@pytest.mark.parametrize("missing", [{"uri": ""}, {"bulk_uri": ""}])
def test_files_need_a_server_and_a_place(missing: dict[str, str]) -> None:
    given = {"uri": "http://127.0.0.1:1", "bulk_uri": "s3://milvus/bulk"} | missing
    with pytest.raises(ConfigError, match=r"milvus\.load=bulk needs"):
        MilvusConfig(load="bulk", **given)  # type: ignore[arg-type]


def entity(item_id: str, **changes: Any) -> dict[str, Any]:
    made = to_entity(row(item_id, [1.0] * DIMENSION), dimension=DIMENSION, metadata_fields=())
    return made[0] | changes


def is_refused(call: Any) -> bool:
    try:
        call()
    except request_errors():
        return True
    return False


@pytest.fixture
def differs(client: Any, config: MilvusConfig, collection: str) -> Any:
    """What servers are known to differ in, tried on this one: docs/milvus.md says what is done
    about each."""
    upsert = ColumnUpsert(client, collection, config.timeout_s)
    two = [entity("twice", ecr="first"), entity("twice", ecr="second")]
    upsert(two)
    kept = client.query(collection, ids=["twice"], output_fields=["ecr"],
                        consistency_level="Strong")  # fmt: skip
    return {
        "refuses a text that is too long in bytes": is_refused(
            lambda: upsert([entity("bytes", ecr="é" * 32_768)])
        ),
        "refuses JSON that is too long": is_refused(
            lambda: upsert([entity("json", metadata={"t": "x" * 70_000})])
        ),
        "refuses a vector that is not finite": is_refused(
            lambda: upsert([entity("nan", vector=entity("x")["vector"] * float("nan"))])
        ),
        "knows parameters of filters": not is_refused(
            lambda: client.query(
                collection, filter="item_id in {ids}", filter_params={"ids": ["a"]}
            )
        ),
        "refuses more hits than 16,384": is_refused(
            lambda: client.query(collection, filter='item_id != ""', limit=16_385)
        ),
        "of two equal keys in a request keeps": kept[0]["ecr"],
    }


def test_what_servers_differ_in_is_what_the_documents_say(differs: Any, is_lite: bool) -> None:
    """A server that differs in another way than its kind fails this: look at what rests on it."""
    assert differs == {
        "refuses a text that is too long in bytes": not is_lite,
        "refuses JSON that is too long": not is_lite,
        "refuses a vector that is not finite": not is_lite,
        "knows parameters of filters": False,
        "refuses more hits than 16,384": not is_lite,
        "of two equal keys in a request keeps": "second" if is_lite else "first",
    }


def test_what_is_not_there_is_said_in_the_same_words(client: Any, config: MilvusConfig) -> None:
    """The numbers that publishing and the mapping of errors rest on."""
    with pytest.raises(request_errors()) as no_collection:
        client.query("no_such", filter="", output_fields=["count(*)"])
    with pytest.raises(request_errors()) as no_alias:
        client.describe_alias("no_such")
    assert no_collection.value.code == 100
    assert no_alias.value.code in (100, 1600)
