"""What a query's own ECR and vector took, told from their tables: nothing, where an earlier run had
left them; and what of the query no model read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tte2_ray.artifacts.markers import table_key
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import read_table
from tte2_ray.cascade import Reranked
from tte2_ray.cascade.ledger import Ledger, SpendingStage
from tte2_ray.schema import ecr_schema, vector_schema
from tte2_ray.stages.ready import Sources
from tte2_ray.stages.work import Row

if TYPE_CHECKING:
    import pyarrow as pa

OVERRUN = "its ECR met its limit"


@dataclass(frozen=True, kw_only=True)
class Before:
    """Names of shards of queries whose tables were there when a run began."""

    ecrs: frozenset[str] = frozenset()
    vectors: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class OwnStages:
    """Of the queries of one shard."""

    taken_over: Mapping[SpendingStage, frozenset[str]]
    """By stage, the queries whose answer was there before."""
    cut: Mapping[str, str]
    """By query, in words; "" where nothing was cut."""

    def told(self, answer: Reranked) -> Ledger:
        """The ledger of a query, with what was kept of its own stages.

        Args:
            answer: to the query.
        """
        own: dict[SpendingStage, Any] = {
            stage: replace(answer.ledger[stage], kept=answer.ledger[stage].total)
            for stage, queries in self.taken_over.items()
            if answer.query_id in queries
        }
        return Ledger(by_stage={**answer.ledger.by_stage, **own})


def own_stages(store: Store, shard: Shard, sources: Sources, before: Before) -> OwnStages:
    """What the tables of ECRs and vectors say.

    Args:
        store: where they lie.
        shard: of queries.
        sources: names the tables.
        before: what was there when this run began.
    """
    ecrs = sources.ecr_prefix, ecr_schema(), "content_key"
    taken_over: dict[SpendingStage, frozenset[str]] = {
        "query_ecr": _taken_over(store, shard, before.ecrs, *ecrs)
    }
    if sources.vector_prefix:
        schema = vector_schema(sources.vectors.dimension)
        vectors = sources.vector_prefix, schema, "embedding_key"
        taken_over["query_embedding"] = _taken_over(store, shard, before.vectors, *vectors)
    read = _columns(store, shard, *ecrs[:2], "notes", "truncated")
    return OwnStages(taken_over=taken_over, cut={row["item_id"]: _cut(row) for row in read})


def _taken_over(
    store: Store, shard: Shard, before: frozenset[str], prefix: str, schema: "pa.Schema", named: str
) -> frozenset[str]:
    """A shard of a next generation takes over the good rows whose names are still the same."""
    now = _good(store, shard, prefix, schema, named)
    if shard.name in before:
        return frozenset(now)
    if not shard.earlier:
        return frozenset()
    was = _good(store, replace(shard, name=shard.earlier), prefix, schema, named)
    return frozenset(query for query, name in now.items() if was.get(query) == name)


def _good(
    store: Store, shard: Shard, prefix: str, schema: "pa.Schema", named: str
) -> dict[str, str]:
    rows = _columns(store, shard, prefix, schema, named, "error_class")
    return {row["item_id"]: row[named] for row in rows if not row["error_class"]}


def _columns(
    store: Store, shard: Shard, prefix: str, schema: "pa.Schema", *columns: str
) -> list[Row]:
    key = table_key(prefix, shard)
    if not store.exists(key):  # an earlier generation that these models never saw
        return []
    rows: list[Row] = read_table(store, key, schema, columns=("item_id", *columns)).to_pylist()
    return rows


def _cut(ecr: Row) -> str:
    return "; ".join(part for part in (ecr["notes"], OVERRUN if ecr["truncated"] else "") if part)
