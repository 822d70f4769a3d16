"""A few rows of what is still to do."""

import random
from collections.abc import Sequence

from tte2_ray.artifacts.shards import Shard, read_shard
from tte2_ray.artifacts.store import Store
from tte2_ray.schema import Item

SHARDS_ASKED = 8
"""Shards that a sample is spread over: each is read whole."""


def draw(store: Store, shards: Sequence[Shard], rows: int) -> list[Item]:
    """Items of anywhere in a few shards, since a corpus may be sorted by kind; all of them where
    there are no more.

    Args:
        store: where the shards lie.
        shards: to draw from.
        rows: at most.
    """
    chosen = asked_shards(shards)
    each = -(-rows // max(1, len(chosen)))
    items = [item for shard in chosen for item in _some(read_shard(store, shard), shard, each)]
    return items[:rows]


def _some(items: Sequence[Item], shard: Shard, count: int) -> list[Item]:
    """The same ones whenever they are asked for."""
    places = random.Random(shard.name).sample(range(len(items)), min(count, len(items)))
    return [items[place] for place in sorted(places)]


def asked_shards(shards: Sequence[Shard]) -> Sequence[Shard]:
    """A few shards, spread over all."""
    return shards[:: max(1, -(-len(shards) // SHARDS_ASKED))]
