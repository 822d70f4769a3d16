"""How many rows are work for a model: what stands of an earlier shard is taken over."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tte2_ray.artifacts.markers import table_key
from tte2_ray.artifacts.shards import Shard, ids_as_before
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import read_table
from tte2_ray.pipelines.drawn import asked_shards
from tte2_ray.pipelines.index.plan import Job
from tte2_ray.schema import ecr_schema, vector_schema

if TYPE_CHECKING:
    import pyarrow as pa


def fresh_rows(job: Job, plans: Store, todo: Mapping[str, Sequence[Shard]]) -> dict[str, int]:
    """Rows that the model of a phase will see, by phase.

    A shard that takes over from an earlier one has its new and changed rows done, and those that
    were rejected there. A few of such shards are read, and the others counted as these are. Loading
    has every row.

    Args:
        job: with its plan.
        plans: where its shards lie.
        todo: shards by phase.
    """
    tables = {
        "reason": (job.ecr_prefix, ecr_schema()),
        "embed": (job.vector_prefix, vector_schema(job.target.spec.dimension)),
    }
    fresh = {name: _rows(shards) for name, shards in todo.items()}
    for name, (prefix, schema) in tables.items():
        taking = [shard for shard in todo[name] if shard.earlier]
        asked = asked_shards(taking)
        good = sum(len(_taken_over(job.store, plans, prefix, schema, shard)) for shard in asked)
        fresh[name] -= round(good / max(1, _rows(asked)) * _rows(taking))
    return fresh


def _taken_over(
    store: Store, plans: Store, prefix: str, schema: "pa.Schema", shard: Shard
) -> set[str]:
    """Ids of the rows that stand, as far as that is seen without their files."""
    key = table_key(prefix, replace(shard, name=shard.earlier))
    if not store.exists(key):  # of a model that has never seen it
        return set()
    made = read_table(store, key, schema, columns=("item_id", "error_class")).to_pylist()
    good = {row["item_id"] for row in made if not row["error_class"]}
    return good & ids_as_before(plans, shard)


def _rows(shards: Sequence[Shard]) -> int:
    return sum(shard.rows for shard in shards)
