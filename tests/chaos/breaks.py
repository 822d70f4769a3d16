"""What a finished index is broken by, by hand: `test_compare` asks whether that is noticed."""

import json
from collections.abc import Callable
from typing import Any

from tests.chaos.world import World
from tte2_ray.artifacts.manifest import manifest_key
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.publish import live_version

ITEM = "text-1"
EVERY = 'item_id != ""'
"""A filter of Milvus."""
Break = Callable[[World], None]


def collection_of(world: World) -> str:
    """That readers see."""
    return str(connect(world.milvus).describe_alias(world.name)["collection_name"])


def rows_of(world: World, which: str = EVERY) -> list[dict[str, Any]]:
    """All fields of what readers see."""
    return [dict(row) for row in connect(world.milvus).query(
        world.name, filter=which, output_fields=["*"], consistency_level="Strong")]  # fmt: skip


def version_of(world: World) -> str:
    """That readers see."""
    return live_version(connect(world.milvus), world.milvus, world.name)


def a_row_is_lost(world: World) -> None:
    """Milvus forgets `ITEM`."""
    connect(world.milvus).delete(collection_of(world), ids=[ITEM])


def a_row_is(**fields: Any) -> Break:
    """Writes the row of `ITEM` with other fields."""

    def breaks(world: World) -> None:
        (row,) = rows_of(world, f'item_id == "{ITEM}"')
        connect(world.milvus).upsert(collection_of(world), [row | fields])

    return breaks


def a_vector_is_another(world: World) -> None:
    """One number of `ITEM`'s is."""
    (row,) = rows_of(world, f'item_id == "{ITEM}"')
    first, *others = row["vector"]
    a_row_is(vector=[first + 0.01, *others])(world)


def a_file_is(key: str) -> Break:
    """Puts an object into the store; a shard is one of the plan."""

    def breaks(world: World) -> None:
        shard = next(key for key, _ in world.store.list("ecr")).rpartition("/")[2].partition(".")[0]
        named = key.format(name=world.name, version=version_of(world), shard=shard)
        world.store.put(named, b"left")

    return breaks


def a_file_is_lost(kind: str) -> Break:
    """Deletes the first object of a kind."""

    def breaks(world: World) -> None:
        world.store.delete(next(key for key, _ in world.store.list() if kind in key))

    return breaks


def results_say(live: bool = True, **more: int) -> Break:
    """Adds to the rows that the last run told of."""

    def breaks(world: World) -> None:
        file = world.folder / "report" / "results.json"
        results = json.loads(file.read_text())
        results["live"] = live
        for name, count in more.items():
            results["rows"][name] += count
        file.write_text(json.dumps(results))

    return breaks


def a_check_failed(world: World) -> None:
    """The manifest says that its version is not verified."""
    key = manifest_key(world.name, version_of(world))
    manifest = json.loads(world.store.get(key))
    world.store.put(key, json.dumps(manifest | {"status": "failed"}).encode())


def a_collection_is_left(world: World) -> None:
    """One of the index that no manifest names."""
    connect(world.milvus).create_collection(f"{world.name}__left", dimension=4)


def the_manifest_is_lost(world: World) -> None:
    """That of what readers see."""
    world.store.delete(manifest_key(world.name, version_of(world)))
