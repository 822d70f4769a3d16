"""Rows in = indexed + unchanged + rejected: summed from what lies in the store, and refused where
that does not add up."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tte2_ray.artifacts.corpus import RejectedRow
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.markers import mark_done, marker_key
from tte2_ray.artifacts.shards import Plan
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.errors import RowErrorClass, ValidationError
from tte2_ray.milvus.collection import CollectionSpec
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.pipelines.index.accounts import Accounts, account_for
from tte2_ray.pipelines.index.target import Target
from tte2_ray.schema import Item
from tte2_ray.stages.counts import Counts

TARGET = Target(
    index="i",
    version="v1",
    spec=CollectionSpec(index="i", version="v1", fingerprint="f", dimension=4),
    milvus=MilvusConfig(),
    ecr_fingerprint="e",
)
GOOD: Mapping[str, Any] = {"rows": 4, "done": 3, "rejected": 1, "output_tokens": 24,
                           "classes": {"not_found": 1}}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


@pytest.fixture
def plan(store: Store) -> Plan:
    """Three shards of four items, and two rows that are none."""
    items = [Item(item_id=f"i{n}", text=f"t{n}") for n in range(12)]
    twice = RejectedRow(item_id="i0", error_class=RowErrorClass.DUPLICATE_ID, message="twice",
                        row="{}")  # fmt: skip
    return freeze_plan(store, "corpora/c", [*items, twice, replace(twice, item_id="i1")], 4)


def marked(plan: Plan, store: Store, *, last: Mapping[str, Any] = GOOD) -> None:
    """The load markers of a plan; `last` is that of its last shard."""
    for shard in plan.shards:
        stats = last if shard == plan.shards[-1] else GOOD
        mark_done(store, marker_key(TARGET.load_prefix, shard), stats)


def test_rows_are_told_apart_by_who_loaded_them(plan: Plan, store: Store) -> None:
    marked(plan, store)
    accounts = account_for(plan, store, TARGET, plan.shards[1:])
    assert accounts.as_dict() == {"in": 14, "indexed": 6, "unchanged": 3, "rejected": 5}
    assert accounts.total.classes == {"not_found": 3, "duplicate_id": 2}
    assert accounts.total.output_tokens == 3 * 24
    found = account_for(plan, store, TARGET)
    assert found.as_dict() == {"in": 14, "indexed": 0, "unchanged": 9, "rejected": 5}


@pytest.mark.parametrize(
    "change", [{"done": 2}, {"rejected": 2}, {"done": 4, "rejected": 1}, {"rows": 3}, {"rows": 5}]
)
def test_a_marker_that_does_not_add_up_is_refused(
    plan: Plan, store: Store, change: Mapping[str, int]
) -> None:
    marked(plan, store, last={**GOOD, **change})
    with pytest.raises(ValidationError, match=r"has 4 rows; its marker does not add up"):
        account_for(plan, store, TARGET)


def test_rejected_rows_without_a_dead_letter_are_refused(plan: Plan, store: Store) -> None:
    marked(plan, store)
    silent = replace(plan, dead_letters=())
    with pytest.raises(
        ValidationError, match="14 rows in, but 0 indexed, 9 unchanged and 3 rejected"
    ):
        account_for(silent, store, TARGET)


def test_accounts_that_do_not_close_are_refused() -> None:
    done = Counts(rows=3, done=2, rejected=1)
    assert Accounts(rows_in=6, loaded=done, before=done).as_dict()["unchanged"] == 2
    for rows_in in (5, 7):
        with pytest.raises(ValidationError, match=f"{rows_in} rows in, but 2 indexed"):
            Accounts(rows_in=rows_in, loaded=done, before=done)
