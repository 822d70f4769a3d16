"""What report.html shows of a run: some queries, before and after, and what was rejected."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from tte2_ray.artifacts.dead_letters import DeadLetter, read_dead_letters
from tte2_ray.artifacts.generations import first_generation
from tte2_ray.artifacts.query_log import Frozen
from tte2_ray.artifacts.shards import shard_key
from tte2_ray.artifacts.tables import read_table
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.pipelines.page.shown import ShownCandidate, ShownQuery, pictures
from tte2_ray.pipelines.rerank.answers import Row
from tte2_ray.pipelines.rerank.outputs import Example, Gathered
from tte2_ray.pipelines.rerank.report import LETTERS_SHOWN, rerank_report
from tte2_ray.pipelines.rerank.target import Job
from tte2_ray.schema import Item, shard_schema
from tte2_ray.stages.outcomes import UNBOUNDED

AFTER, BEFORE = 4, 2
"""Candidates that are shown: the first of the final order, and those that stood first before."""


def write_page(job: Job, found: Gathered, described: Mapping[str, Any]) -> str:
    """The page.

    Args:
        job: that was run.
        found: with the queries that may be shown.
        described: what results.json says.
    """
    examples = [example for of_shard in found.examples.values() for example in of_shard]
    examples = examples[: job.config.report_samples]
    picked = {example.query_id: _picked(example.answer.judgements) for example in examples}
    rows = [row for of_query in picked.values() for row in of_query]
    items, ecrs = _items(job, rows), _ecrs(job, rows)
    shown = [_shown(example, picked[example.query_id], items, ecrs) for example in examples]
    return rerank_report(
        described,
        shown,
        list(islice(_letters(job), LETTERS_SHOWN)),
        found.sample,
        picture=pictures(job.config.media),
    )


def _picked(judgements: Sequence[Row]) -> list[Row]:
    first = list(judgements[:AFTER])
    return first + [row for row in judgements[AFTER:] if row["rank"] <= BEFORE]


def _shown(
    example: Example, rows: Sequence[Row], items: Mapping[str, Item], ecrs: Mapping[str, str]
) -> ShownQuery:
    outcome, query = example.answer.outcome, example.answer.query
    allowed = None if outcome["allowed"] == UNBOUNDED else outcome["allowed"]
    return ShownQuery(
        query=replace(query, item_id=example.query_id, metadata={}),
        instruction=Frozen.of(query).instruction,
        ecr=outcome["ecr"],
        step=outcome["step"],
        spent=outcome["spent"],
        allowed=allowed,
        candidates=tuple(_candidate(row, items, ecrs) for row in rows),
    )


def _candidate(row: Row, items: Mapping[str, Item], ecrs: Mapping[str, str]) -> ShownCandidate:
    item_id, score = row["item_id"], row["score"]
    return ShownCandidate(
        item=items.get(item_id, Item(item_id=item_id)),
        ecr=ecrs.get(item_id, ""),
        rewrite=row["rewrite"],
        was=row["rank"],
        now=row["place"],
        retriever_score=row["retriever_score"],
        judge_score=None if score != score else score,
    )


def _items(job: Job, rows: Iterable[Row]) -> dict[str, Item]:
    """Words and URIs of candidates, from the frozen corpus; without those that are gone from it."""
    wanted: dict[str, set[str]] = {}
    for row in rows:
        wanted.setdefault(first_generation(row["shard"]), set()).add(row["item_id"])
    found = {}
    for shard, ids in wanted.items():
        key = shard_key(job.manifest.corpus, shard)
        if not job.store.exists(key):
            continue
        for row in read_table(job.store, key, shard_schema()).to_pylist():
            if row["item_id"] in ids:
                found[row["item_id"]] = Item.from_row(row)
    return found


def _ecrs(job: Job, rows: Iterable[Row]) -> dict[str, str]:
    ids = [row["item_id"] for row in rows]
    if not ids:
        return {}
    searcher = Searcher(job.config.milvus)
    stored = searcher.fetch(job.manifest.collection, ids, output_fields=["ecr"])
    return {item_id: fields["ecr"] for item_id, fields in stored.items()}


def _letters(job: Job) -> Iterator[DeadLetter]:
    keys = [key for key, _ in job.store.list(job.dead_letter_prefix)]
    return read_dead_letters(job.store, [*job.log.plan.dead_letters, *keys])
