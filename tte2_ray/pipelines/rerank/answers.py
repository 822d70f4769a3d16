"""The answers of the shards, one distinct query after another, with who asked each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from tte2_ray.artifacts.shards import Shard, read_shard
from tte2_ray.artifacts.tables import iter_table
from tte2_ray.errors import ValidationError
from tte2_ray.pipelines.rerank.target import Job
from tte2_ray.schema import Item, asked_schema
from tte2_ray.stages.answer_tables import read_answers

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of one distinct query."""

    shard: Shard
    query: Item
    """Its `item_id` is the name of the distinct query."""
    asked: Iterator[Row]
    """Who asked it, at least one, in the order of the log; to be read before the next answer."""
    outcome: Row
    judgements: list[Row]
    ledger: list[Row]

    @property
    def rejected(self) -> bool:
        """Whether it has no order."""
        return bool(self.outcome["error_class"])

    @property
    def unjudged(self) -> bool:
        """Whether candidates were to be judged and every one was refused."""
        refused = any(row["refused"] for row in self.judgements)
        return refused and all(row["stage"] == "retrieved" for row in self.judgements)


def answers(job: Job) -> Iterator[Answer]:
    """Every distinct query, in the order of the plan; one shard is held in memory.

    Args:
        job: all of whose phases are done.

    Raises:
        ValidationError: tables of a shard, or who asked, do not belong together.
    """
    groups = groupby(_asked(job), key=lambda row: str(row["query"]))
    for shard in job.log.plan.shards:
        made = read_answers(job.store, job.prefix, shard)
        judgements, ledger = _by_query(made.judgements), _by_query(made.ledger)
        for query, outcome in zip(read_shard(job.store, shard), made.outcomes, strict=True):
            name, asked = next(groups, ("", iter(())))
            if not query.item_id == outcome["item_id"] == name:
                raise ValidationError(
                    f"shard {shard.name}: query {query.item_id} stands where the outcomes have "
                    f"{outcome['item_id']} and the log {name or 'nothing'}; delete {job.prefix} "
                    "and run again"
                )
            yield Answer(
                shard=shard,
                query=query,
                asked=asked,
                outcome=outcome,
                judgements=judgements.get(name, []),
                ledger=ledger.get(name, []),
            )


def _asked(job: Job) -> Iterator[Row]:
    for key in job.log.asked:
        for batch in iter_table(job.store, key, asked_schema()):
            yield from batch.to_pylist()


def _by_query(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["query_id"], []).append(row)
    return found
