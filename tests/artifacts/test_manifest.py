"""Index manifests: they balance, are written once and come back as they were."""

import json
from dataclasses import replace

import pytest

from tte2_ray.artifacts.manifest import (
    IndexManifest,
    list_manifests,
    manifest_key,
    read_manifest,
    write_manifest,
)
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ResourceMissingError, ValidationError

_MANIFEST = IndexManifest(
    index="shoes",
    version="v2",
    collection="shoes_v2",
    ecr_fingerprint="aa",
    embedding_fingerprint="bb",
    corpus="corpora/c",
    corpus_digest="cc",
    rows_in=10,
    indexed=7,
    unchanged=2,
    rejected=1,
    status="verified",
    created_at="2026-01-02T03:04:05Z",
    checks={"recall": 0.99, "count": 9},
    tokens={"ecr_output": 12},
)


def test_a_manifest_is_written_once_and_read_back(store: Store) -> None:
    assert write_manifest(store, _MANIFEST)
    assert not write_manifest(store, replace(_MANIFEST, status="failed"))
    assert read_manifest(store, "shoes", "v2") == _MANIFEST
    assert store.exists("indexes/shoes/v2/manifest.json")


def test_versions_are_listed_for_their_index_alone(store: Store) -> None:
    for index, version in (("shoes", "v2"), ("shoes", "v1"), ("shoes2", "v1"), ("a/../b", "../v")):
        write_manifest(store, replace(_MANIFEST, index=index, version=version))
    assert [found.version for found in list_manifests(store, "shoes")] == ["v1", "v2"]
    assert [found.version for found in list_manifests(store, "a/../b")] == ["../v"]
    assert list(list_manifests(store, "none")) == []
    with pytest.raises(ResourceMissingError):
        read_manifest(store, "shoes", "v3")


def test_a_manifest_must_balance() -> None:
    with pytest.raises(ValidationError, match="10 rows in, but 9 accounted for"):
        replace(_MANIFEST, rejected=0)


def test_a_manifest_of_before_that_names_whom_it_replaced_is_still_read(disk_store: Store) -> None:
    stored = {**json.loads(_MANIFEST.to_json()), "replaced": "v1"}
    disk_store.put(manifest_key("shoes", "v2"), json.dumps(stored).encode())
    assert read_manifest(disk_store, "shoes", "v2") == _MANIFEST
    assert "replaced" not in json.loads(_MANIFEST.to_json())


def test_a_manifest_of_before_that_names_no_corpus_is_still_read(disk_store: Store) -> None:
    stored = json.loads(_MANIFEST.to_json())
    assert stored.pop("corpus") == "corpora/c"
    disk_store.put(manifest_key("shoes", "v2"), json.dumps(stored).encode())
    assert read_manifest(disk_store, "shoes", "v2") == replace(_MANIFEST, corpus="")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"manifest_version": 2}, "not a manifest of version 1"),
        ({"extra": 1}, "left over"),
        ({"status": "good"}, "status 'good'"),
    ],
)
def test_what_is_no_manifest_is_not_read(
    disk_store: Store, change: dict[str, object], message: str
) -> None:
    stored = {**json.loads(_MANIFEST.to_json()), **change}
    disk_store.put(manifest_key("shoes", "v2"), json.dumps(stored).encode())
    with pytest.raises(ValidationError, match=message):
        read_manifest(disk_store, "shoes", "v2")
    disk_store.put(manifest_key("shoes", "v2"), b"{")
    with pytest.raises(ValidationError, match="not a manifest"):
        read_manifest(disk_store, "shoes", "v2")
