from dataclasses import replace
from typing import Any

import pytest

from tests.milvus.conftest import DIMENSION
from tte2_ray.errors import ConfigError, RowError, RowErrorClass, ValidationError
from tte2_ray.milvus.collection import (
    CollectionSpec,
    collection_name,
    describe,
    ensure_collection,
)
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.schema import ITEM_ID_MAX_BYTES, check_item_id


def _spec(index: str, **changes: Any) -> CollectionSpec:
    values = {"index": index, "version": "v1", "fingerprint": "f1", "dimension": DIMENSION}
    return CollectionSpec(**{**values, **changes})


def test_making_it_again_is_harmless(
    client: Any, config: MilvusConfig, collection: str, index: str
) -> None:
    assert ensure_collection(client, config, _spec(index)) == collection
    info = describe(client, config, collection)
    assert (info.fingerprint, info.dimension) == ("f1", DIMENSION)
    assert (info.metric, info.index_type) == ("COSINE", "HNSW")


def test_a_crash_between_collection_and_index_mends_itself(
    client: Any, config: MilvusConfig, collection: str, index: str
) -> None:
    client.release_collection(collection)
    client.drop_index(collection, "vector")
    assert describe(client, config, collection).index_type == ""
    ensure_collection(client, config, _spec(index))
    assert describe(client, config, collection).index_type == "HNSW"


@pytest.mark.parametrize(
    ("changes", "milvus", "word"),
    [
        ({"fingerprint": "f2"}, {}, "fingerprint"),
        ({"dimension": DIMENSION + 1}, {}, "dimension"),
        ({}, {"metric": "IP"}, "metric"),
        ({}, {"index_type": "FLAT"}, "index_type"),
    ],
)
def test_two_fingerprints_never_meet(
    client: Any,
    config: MilvusConfig,
    collection: str,
    index: str,
    changes: dict[str, Any],
    milvus: dict[str, Any],
    word: str,
) -> None:
    with pytest.raises(ValidationError, match=f"has {word}"):
        ensure_collection(client, replace(config, **milvus), _spec(index, **changes))


@pytest.mark.parametrize(
    ("index", "version"),
    [
        ("", "v1"),
        ("a__b", "v1"),
        ("a", ""),
        ("1a", "v1"),
        ("a-b", "v1"),
        ("a_", "v1"),
        ("ä", "v1"),
        ("a", "_1"),
    ],
)
def test_names_that_could_not_be_taken_apart_are_refused(index: str, version: str) -> None:
    with pytest.raises(ConfigError):
        collection_name(index, version)


@pytest.mark.parametrize(
    "item_id",
    ["", "a\0b", "\ud800", "x" * (ITEM_ID_MAX_BYTES + 1), "é" * (ITEM_ID_MAX_BYTES // 2 + 1)],
)
def test_ids_that_cannot_be_keys_are_row_errors(item_id: str) -> None:
    with pytest.raises(RowError) as caught:
        check_item_id(item_id)
    assert caught.value.error_class is RowErrorClass.BAD_ID


def test_the_longest_id_is_accepted() -> None:
    check_item_id("é" * (ITEM_ID_MAX_BYTES // 2))
