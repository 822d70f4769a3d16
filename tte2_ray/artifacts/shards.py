"""The frozen plan: which rows belong to which shard, apart from Ray's blocks.

<prefix>/rows/<name>.parquet        rows of a shard; its name is the hash of its rows and of
                                    the versions of their media, which stand beside them
<prefix>/<corpus digest>/plan.json  the shards in order; written last, once
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tte2_ray.artifacts.generations import first_generation
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import read_table
from tte2_ray.errors import ValidationError
from tte2_ray.schema import Item, shard_schema

PLAN_VERSION = 2
"""2 added the versions of media to the rows of a shard. Part of the digest of a plan."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """One unit of work."""

    name: str
    """Hash of its rows; 32 hex digits."""
    key: str
    """Of its Parquet object in the store."""
    rows: int
    """Items in it."""
    rejected: int
    """Rows of the corpus that were rejected while it was filled."""
    earlier: str = ""
    """Name of the shard whose good rows it takes over where they still hold; "" where none is."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A corpus, cut into shards. Its memory grows with the shards, not with the rows."""

    prefix: str
    corpus_digest: str
    """Changes when a row, a declared media file, a rejected row or the size of shards does."""
    rows_digest: str
    """The same but for media files: a file that was mended in place leaves it as it is."""
    rows_per_shard: int
    rejected: int
    """Rows of the corpus that are no items."""
    shards: tuple[Shard, ...]
    dead_letters: tuple[str, ...]
    """Keys of the dead-letter files that hold the rejected rows."""

    def __post_init__(self) -> None:
        of_shards = sum(shard.rejected for shard in self.shards)
        if self.shards and of_shards != self.rejected:
            raise ValidationError(
                f"plan {self.corpus_digest}: shards count {of_shards} rejected rows, "
                f"the plan {self.rejected}"
            )

    @property
    def rows(self) -> int:
        """Items in all shards."""
        return sum(shard.rows for shard in self.shards)

    @property
    def rows_in(self) -> int:
        """Rows of the corpus: items and rejected ones."""
        return self.rows + self.rejected

    @property
    def key(self) -> str:
        """Of the plan itself in the store."""
        return plan_key(self.prefix, self.corpus_digest)


def plan_key(prefix: str, corpus_digest: str) -> str:
    """The key of a plan."""
    return f"{prefix}/{corpus_digest}/plan.json"


def shard_key(prefix: str, name: str) -> str:
    """The key of the rows of a shard."""
    return f"{prefix}/rows/{first_generation(name)}.parquet"


def read_shard(store: Store, shard: Shard) -> list[Item]:
    """The items of a shard; raises as `read_rows`."""
    return [Item.from_row(row) for row in read_rows(store, shard)]


def read_rows(store: Store, shard: Shard) -> list[dict[str, Any]]:
    """The rows of a shard: items, with the versions of their media.

    Raises:
        ResourceMissingError: its file is gone.
        ValidationError: it does not hold as many rows as planned.
    """
    table = read_table(store, shard.key, shard_schema())
    if table.num_rows != shard.rows:
        raise ValidationError(
            f"{store.uri(shard.key)}: {table.num_rows} rows, planned were {shard.rows}"
        )
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def ids_as_before(store: Store, shard: Shard) -> set[str]:
    """Ids of the rows that are, versions of their media included, those of the shard that this one
    takes over from; raises as `read_rows`, of the earlier one only if it is damaged."""
    prefix = shard.key.rpartition("/rows/")[0]
    key = shard_key(prefix, shard.earlier)
    rows = {row["item_id"]: row for row in read_rows(store, shard)}
    if key == shard.key:
        return set(rows)
    if not store.exists(key):
        return set()
    before: list[dict[str, Any]] = read_table(store, key, shard_schema()).to_pylist()
    return {row["item_id"] for row in before if rows.get(row["item_id"]) == row}


def read_plan(store: Store, prefix: str, corpus_digest: str) -> Plan:
    """A plan that was frozen before.

    Raises:
        ResourceMissingError: there is none.
        ValidationError: it was written by code of another version.
    """
    key = plan_key(prefix, corpus_digest)
    stored = json.loads(store.get(key))
    if stored.get("version") != PLAN_VERSION:
        raise ValidationError(f"{store.uri(key)}: not a plan of version {PLAN_VERSION}")
    return Plan(
        prefix=prefix,
        corpus_digest=corpus_digest,
        rows_digest=stored.get("rows_digest", ""),  # plans of before have none
        rows_per_shard=stored["rows_per_shard"],
        rejected=stored["rejected"],
        shards=tuple(
            Shard(
                name=name,
                key=shard_key(prefix, name),
                rows=rows,
                rejected=rejected,
                earlier="".join(earlier),
            )
            for name, rows, rejected, *earlier in stored["shards"]
        ),
        dead_letters=tuple(stored["dead_letters"]),
    )


def list_plans(store: Store, prefix: str) -> Iterator[Plan]:
    """Every plan that this code froze under a prefix, one at a time."""
    for key, _ in store.list(prefix):
        folder, _, file = key.rpartition("/")
        if file == "plan.json" and json.loads(store.get(key)).get("version") == PLAN_VERSION:
            yield read_plan(store, prefix, folder.rpartition("/")[2])


def write_plan(store: Store, plan: Plan) -> bool:
    """Freeze a plan; whether this call did."""
    shards: Sequence[tuple[str, int, int, str]] = [
        (s.name, s.rows, s.rejected, s.earlier) for s in plan.shards
    ]
    stored = {
        "version": PLAN_VERSION,
        "corpus_digest": plan.corpus_digest,
        "rows_digest": plan.rows_digest,
        "rows_per_shard": plan.rows_per_shard,
        "rejected": plan.rejected,
        "dead_letters": plan.dead_letters,
        "shards": shards,
    }
    return store.put_once(plan.key, json.dumps(stored).encode())
