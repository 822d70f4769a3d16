from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import Any

import numpy as np
import pytest

from tests.milvus.conftest import DIMENSION, row, rows
from tte2_ray.errors import ConfigError, ResourceMissingError, ValidationError
from tte2_ray.milvus.catalog import VersionRecord
from tte2_ray.milvus.collection import CollectionSpec, collection_name, ensure_collection
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.publish import Publisher
from tte2_ray.milvus.rows import IndexRow
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.writer import Writer, seal


class ListCatalog:
    """A catalog in memory: these tests are about the alias, not about where manifests lie."""

    def __init__(self) -> None:
        self.records: list[VersionRecord] = []

    def versions(self) -> list[VersionRecord]:
        return self.records

    def promoted(self, version: str, *, replaced: str) -> None:
        self.records = [
            replace(record, replaced=replaced) if record.version == version else record
            for record in self.records
        ]


@pytest.fixture
def catalog() -> ListCatalog:
    return ListCatalog()


@pytest.fixture
def publisher(client: Any, config: MilvusConfig, index: str, catalog: ListCatalog) -> Publisher:
    return Publisher(client, config, index, catalog)


@pytest.fixture
def add_version(
    client: Any, config: MilvusConfig, index: str, catalog: ListCatalog
) -> Iterator[Callable[..., str]]:
    """Loads a version and records it, as the indexing job does."""

    def add(version: str, *, items: list[IndexRow] | None = None, verified: bool = True) -> str:
        spec = CollectionSpec(
            index=index, version=version, fingerprint=f"f-{version}", dimension=DIMENSION
        )
        name = ensure_collection(client, config, spec)
        report = Writer(config, name, dimension=DIMENSION).write(
            rows(20) if items is None else items
        )
        seal(client, config, name)
        catalog.records.append(
            VersionRecord(
                version=version,
                rows=report.written,
                fingerprint=f"f-{version}",
                verified=verified,
                replaced="",
                created_at="2026-01-01T00:00:00Z",
            )
        )
        return name

    yield add
    client.drop_alias(index)
    for record in catalog.records:
        client.drop_collection(collection_name(index, record.version))


def test_readers_follow_the_alias_forward_and_back(
    config: MilvusConfig, index: str, publisher: Publisher, add_version: Callable[..., str]
) -> None:
    searcher = Searcher(config)
    add_version("v1", items=rows(10))
    assert publisher.promote("v1") == ""
    add_version("v2", items=rows(30))
    assert searcher.count(index) == 10
    assert publisher.promote("v2") == "v1"
    assert searcher.count(index) == 30
    query_QD = np.ones((1, DIMENSION), dtype=np.float32)
    assert len(searcher.search(index, query_QD, 100)[0]) == 30

    assert publisher.rollback() == "v1"
    assert searcher.count(index) == 10
    assert publisher.live_version() == "v1"
    with pytest.raises(ResourceMissingError, match="first"):
        publisher.rollback()
    assert publisher.promote("v2") == "v1"
    assert publisher.promote("v2") == "v2"


def test_a_reader_sees_one_version_or_the_other_while_the_alias_moves(
    config: MilvusConfig, index: str, publisher: Publisher, add_version: Callable[..., str]
) -> None:
    sizes = {"v1": 10, "v2": 30}
    for version, size in sizes.items():
        add_version(version, items=rows(size))
    publisher.promote("v1")
    seen: set[int] = set()
    moved = Event()

    def read() -> None:
        searcher = Searcher(config)
        while not moved.is_set():
            seen.add(searcher.count(index))

    with ThreadPoolExecutor(1) as beside:
        reading = beside.submit(read)
        for version in ("v2", "v1") * 5:
            publisher.point_at(version)
            assert Searcher(config).count(index) == sizes[version], "as soon as it has moved"
        moved.set()
        reading.result()
    assert seen == set(sizes.values())


@pytest.mark.at_length
def test_a_rollback_goes_to_what_the_live_version_replaced_when_it_was_promoted(
    publisher: Publisher, add_version: Callable[..., str]
) -> None:
    for version in ("v1", "v2", "v3"):
        add_version(version)
        publisher.promote(version)
    publisher.promote("v2")
    assert publisher.rollback() == "v3"
    assert publisher.rollback() == "v2", "v3 replaced it when it was promoted"


@pytest.mark.at_length
def test_a_version_without_a_row_is_never_served(
    publisher: Publisher, add_version: Callable[..., str]
) -> None:
    add_version("v1")
    publisher.promote("v1")
    add_version("v2", items=[])
    publisher.check_unchanged("v2")
    with pytest.raises(ValidationError, match="holds no row"):
        publisher.promote("v2")
    assert publisher.live_version() == "v1"


@pytest.mark.at_length
def test_the_list_says_what_is_live_loaded_and_verified(
    client: Any, publisher: Publisher, add_version: Callable[..., str]
) -> None:
    assert publisher.statuses() == ()
    client.drop_collection(add_version("v1"))
    add_version("v2")
    add_version("v3", verified=False)
    publisher.promote("v2")
    assert [(s.version, s.live, s.loaded, s.verified) for s in publisher.statuses()] == [
        ("v1", False, False, True),
        ("v2", True, True, True),
        ("v3", False, True, False),
    ]


def test_the_alias_never_names_what_was_not_verified(
    config: MilvusConfig, publisher: Publisher, add_version: Callable[..., str]
) -> None:
    add_version("v1")
    publisher.promote("v1")
    add_version("v2", verified=False)
    with pytest.raises(ValidationError, match="did not pass"):
        publisher.promote("v2")
    changed = add_version("v3")
    Writer(config, changed, dimension=DIMENSION).write([row("late", np.ones(DIMENSION))])
    with pytest.raises(ValidationError, match="holds 21 rows, 20 were verified"):
        publisher.promote("v3")
    assert publisher.live_version() == "v1"


@pytest.mark.at_length
def test_another_collection_under_the_same_name_is_refused(
    catalog: ListCatalog, publisher: Publisher, add_version: Callable[..., str]
) -> None:
    add_version("v1")
    catalog.records[0] = replace(catalog.records[0], fingerprint="what was verified")
    with pytest.raises(ValidationError, match="not the one that was verified"):
        publisher.promote("v1")


@pytest.mark.at_length
def test_unknown_dropped_and_absent_versions_are_missing_resources(
    client: Any, publisher: Publisher, add_version: Callable[..., str]
) -> None:
    with pytest.raises(ResourceMissingError, match="No version"):
        publisher.rollback()
    client.drop_collection(add_version("v1"))
    with pytest.raises(ResourceMissingError, match="only v1"):
        publisher.promote("v9")
    with pytest.raises(ResourceMissingError, match="describe"):
        publisher.promote("v1")


@pytest.mark.at_length
def test_dropping_keeps_the_live_one_and_the_one_to_go_back_to(
    publisher: Publisher, add_version: Callable[..., str]
) -> None:
    for version in ("v1", "v2", "v3"):
        add_version(version)
        if version != "v2":
            publisher.promote(version)  # v3 replaces v1
    with pytest.raises(ConfigError):
        publisher.drop_old(keep=-1)
    assert publisher.drop_old(keep=1) == ("v2",)
    assert publisher.rollback() == "v1"
    assert publisher.drop_old(keep=0) == ("v3",)
    assert publisher.live_version() == "v1"


def test_an_alias_of_something_else_is_left_alone(
    client: Any, publisher: Publisher, index: str, collection: str
) -> None:
    client.create_collection("stranger", dimension=4)
    client.create_alias("stranger", index)
    with pytest.raises(ConfigError, match="stranger"):
        publisher.live_version()
    client.drop_alias(index)
    client.drop_collection("stranger")
