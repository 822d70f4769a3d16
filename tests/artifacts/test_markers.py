"""Markers: which shards are done, and what was counted of them."""

import pytest

from tests.artifacts.conftest import items_of
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.markers import (
    mark_done,
    marker_key,
    pending,
    read_marker,
    read_markers,
    table_key,
)
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import (
    ResourceMissingError,
)


def test_markers_tell_what_is_pending(store: Store) -> None:
    plan = freeze_plan(store, "c", items_of(10), 4)
    phase = "ecr/0123"
    assert pending(plan, store, phase) == plan.shards
    first = plan.shards[0]
    store.put(table_key(phase, first), b"a table without its marker")
    assert pending(plan, store, phase) == plan.shards
    key = marker_key(phase, first)
    assert mark_done(store, key, {"rows_in": 4})
    assert not mark_done(store, key, {"rows_in": 5})
    assert read_marker(store, key) == {"rows_in": 4}
    assert pending(plan, store, phase) == plan.shards[1:]
    with pytest.raises(ResourceMissingError):
        list(read_markers(plan, store, phase))
    for shard in plan.shards[1:]:
        mark_done(store, marker_key(phase, shard), {"rows_in": shard.rows})
    assert pending(plan, store, f"{phase}/") == ()
    assert sum(stats["rows_in"] for _, stats in read_markers(plan, store, phase)) == 10
