"""report.html: what was indexed, seen by a person; one file, no script, nothing fetched."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tte2_ray.artifacts.dead_letters import DeadLetter, read_dead_letters
from tte2_ray.artifacts.markers import table_key
from tte2_ray.artifacts.shards import Plan, Shard, read_shard
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import read_table
from tte2_ray.ecr import parse_ecr
from tte2_ray.engines.config import MINI
from tte2_ray.errors import RowError
from tte2_ray.media import decode_item
from tte2_ray.media.thumbnail import thumbnail_data_uri
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.target import Target
from tte2_ray.pipelines.page.bars import histogram
from tte2_ray.pipelines.page.render import render
from tte2_ray.schema import Item, ecr_schema

T = TypeVar("T")

TEMPLATE = Path(__file__).with_name("report.html.j2")
SHARDS_SHOWN = 24
"""Shards whose ECR tables are read for samples and histograms: a report stays small."""
LETTERS_SHOWN = 60


@dataclass(frozen=True, kw_only=True)
class ShownRow:
    """One item as it is shown."""

    item_id: str
    modality: str
    text: str
    picture: str
    """A data: URI; "" for text."""
    think: str
    statement: str
    tokens: str
    notes: str


def write_report(
    config: IndexConfig, plan: Plan, target: Target, described: dict[str, Any], store: Store
) -> str:
    """The page.

    Args:
        config: of the job.
        plan: what was indexed.
        target: the version that was made of it.
        described: what results.json says.
        store: where the tables lie.
    """
    rows, samples = _look(config, plan, store, target.ecr_prefix)
    letters = list(_letters(plan, store, target))
    return render(
        TEMPLATE,
        it=described,
        samples=samples,
        histograms=[
            histogram("tokens read a row (text and visual)", [r["prompt_tokens"] for r in rows]),
            histogram("visual tokens a row", [r["visual_tokens"] for r in rows]),
            histogram("tokens written a row", [r["output_tokens"] for r in rows]),
        ],
        sampled_rows=len(rows),
        letters=letters[:LETTERS_SHOWN],
        letters_left=max(0, described["rows"]["rejected"] - LETTERS_SHOWN),
        fake=config.reasoner.engine.kind == "fake",
        miniature=described["models"]["reasoner"].startswith(MINI),
        note=config.report_note,
    )


def _look(
    config: IndexConfig, plan: Plan, store: Store, prefix: str
) -> tuple[list[dict[str, Any]], list[ShownRow]]:
    """Rows of some shards, and samples of every modality among them."""
    chosen = plan.shards[:: max(1, len(plan.shards) // SHARDS_SHOWN)][:SHARDS_SHOWN]
    rows: list[dict[str, Any]] = []
    by_modality: dict[str, list[tuple[Item, dict[str, Any]]]] = {}
    for shard in chosen:
        for item, row in _good(store, shard, prefix):
            rows.append(row)
            by_modality.setdefault(row["modality"], []).append((item, row))
    each = max(1, config.report_samples // max(1, len(by_modality)))
    samples = [
        _shown(config, item, row)
        for modality in sorted(by_modality)
        for item, row in spread(by_modality[modality], each)
    ]
    return rows, samples


def spread(values: Sequence[T], most: int) -> list[T]:
    """At most `most` of the values, evenly spread: a corpus is often sorted by where it is from.

    >>> spread("abcde", 2), spread("ab", 5)
    (['a', 'c'], ['a', 'b'])
    """
    taken = min(len(values), most)
    return [values[n * len(values) // taken] for n in range(taken)]


def _good(store: Store, shard: Shard, prefix: str) -> Iterator[tuple[Item, dict[str, Any]]]:
    rows = read_table(store, table_key(prefix, shard), ecr_schema()).to_pylist()
    for item, row in zip(read_shard(store, shard), rows, strict=True):
        if not row["error_class"]:
            yield item, row


def _shown(config: IndexConfig, item: Item, row: dict[str, Any]) -> ShownRow:
    try:
        picture = thumbnail_data_uri(decode_item(item, config.media))
    except RowError:
        picture = ""  # it was there when it was indexed, and is gone now
    parsed = parse_ecr(row["ecr"])
    return ShownRow(
        item_id=item.item_id,
        modality=row["modality"],
        text=item.text[:300],
        picture=picture,
        think=parsed.think,
        statement=parsed.statement,
        tokens=f"{row['prompt_tokens']} read ({row['visual_tokens']} visual), "
        f"{row['output_tokens']} written{', cut' if row['truncated'] else ''}",
        notes=row["notes"],
    )


def _letters(plan: Plan, store: Store, target: Target) -> Iterator[DeadLetter]:
    from itertools import islice

    keys = [key for key, _ in store.list(target.dead_letter_prefix)]
    yield from islice(read_dead_letters(store, [*plan.dead_letters, *keys]), LETTERS_SHOWN)
