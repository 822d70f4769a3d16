"""What is done: a small JSON object beside each table, written last and once.

<phase prefix>/shard-<name>.parquet     the table
<phase prefix>/shard-<name>.done.json   its marker, with the counts of the shard
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tte2_ray.artifacts.shards import Plan, Shard
from tte2_ray.artifacts.store import Store


def table_key(phase_prefix: str, shard: Shard) -> str:
    """Where a phase writes the table of a shard, e.g. under `ecr/<fingerprint>`."""
    return f"{phase_prefix.strip('/')}/shard-{shard.name}.parquet"


def marker_key(phase_prefix: str, shard: Shard) -> str:
    """Where a phase marks a shard as done."""
    return f"{phase_prefix.strip('/')}/shard-{shard.name}.done.json"


def mark_done(store: Store, key: str, stats: Mapping[str, Any]) -> bool:
    """Write a marker, after everything that it vouches for; whether this call wrote it.

    Args:
        store: where to.
        key: from `marker_key`.
        stats: counts of the shard (rows in, rejected, tokens, …), as JSON.
    """
    return store.put_once(key, json.dumps(dict(stats), sort_keys=True).encode())


def read_marker(store: Store, key: str) -> dict[str, Any]:
    """The counts of a shard that is done.

    Raises:
        ResourceMissingError: it is not.
    """
    stats: dict[str, Any] = json.loads(store.get(key))
    return stats


def pending(plan: Plan, store: Store, phase_prefix: str) -> tuple[Shard, ...]:
    """The shards that a phase has still to do, in order; one listing, whatever their number."""
    missing = {marker_key(phase_prefix, shard): shard for shard in plan.shards}
    for key, _ in store.list(phase_prefix, shallow=True):
        missing.pop(key, None)
    return tuple(missing.values())


def read_markers(
    plan: Plan, store: Store, phase_prefix: str
) -> Iterator[tuple[Shard, dict[str, Any]]]:
    """The counts of each shard of a plan, one at a time.

    Raises:
        ResourceMissingError: a shard is not done.
    """
    for shard in plan.shards:
        yield shard, read_marker(store, marker_key(phase_prefix, shard))
