"""What changed, and nothing else: every other shard keeps its name."""

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.artifacts.conftest import items_of
from tte2_ray.artifacts.changes import Changes, Listing, plan_changes
from tte2_ray.artifacts.corpus import CorpusRow, RejectedRow, Tombstone
from tte2_ray.artifacts.dead_letters import read_dead_letters
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.media_versions import MediaVersions
from tte2_ray.artifacts.shards import Plan, read_plan, read_shard
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.errors import RowErrorClass
from tte2_ray.media import MediaLimits
from tte2_ray.schema import Item

SIZE = 4
PREFIX = "corpora/c"


def texts(store: Store, plan: Plan) -> dict[str, str]:
    return {i.item_id: i.text for shard in plan.shards for i in read_shard(store, shard)}


def after(
    store: Store, base: Plan, rows: Sequence[CorpusRow], kind: Listing = "full", **more: Any
) -> tuple[Plan, Changes]:
    return plan_changes(store, store, base, rows, SIZE, kind=kind, versions=None, **more)


def gone(item_id: str) -> Tombstone:
    return Tombstone(item_id=item_id, where="rows.jsonl line 1")


def bad(item_id: str) -> RejectedRow:
    return RejectedRow(
        item_id=item_id, error_class=RowErrorClass.EMPTY_ROW, message="m", row=item_id
    )


def told(changes: Changes) -> dict[str, int]:
    return {name: n for name, n in changes.as_dict().items() if n}


def test_nothing_changed_is_the_base_itself(store: Store) -> None:
    base = freeze_plan(store, PREFIX, items_of(10), SIZE)
    before = {key for key, _ in store.list()}
    for rows in (items_of(10), items_of(10)[::-1]):
        plan, changes = after(store, base, rows)
        assert plan is base
        assert told(changes) == {"unchanged": 10}
    assert {key for key, _ in store.list()} == before


def test_a_changed_row_is_replaced_in_its_shard_alone(store: Store) -> None:
    items = items_of(10)
    base = freeze_plan(store, PREFIX, items, SIZE)
    items[5] = Item(item_id="5", text="changed")
    plan, changes = after(store, base, items)
    assert told(changes) == {"unchanged": 9, "changed": 1, "touched_shards": 1}
    assert [shard.earlier for shard in plan.shards] == ["", base.shards[1].name, ""]
    assert [plan.shards[n] == base.shards[n] for n in range(3)] == [True, False, True]
    assert texts(store, plan) == {item.item_id: item.text for item in items}
    assert read_plan(store, PREFIX, plan.corpus_digest) == plan


def test_new_rows_fill_shards_of_their_own(store: Store) -> None:
    base = freeze_plan(store, PREFIX, items_of(6), SIZE)
    plan, changes = after(store, base, items_of(11))
    assert told(changes) == {"unchanged": 6, "new": 5}
    assert plan.shards[:2] == base.shards
    assert [shard.rows for shard in plan.shards] == [4, 2, 4, 1]


def test_what_a_full_listing_leaves_out_is_deleted(store: Store) -> None:
    items = items_of(10)
    base = freeze_plan(store, PREFIX, items, SIZE)
    plan, changes = after(store, base, items[:3] + items[8:])
    assert told(changes) == {"unchanged": 5, "deleted": 5, "touched_shards": 2}
    assert set(texts(store, plan)) == {"0", "1", "2", "8", "9"}
    assert [shard.rows for shard in plan.shards] == [3, 2], "an empty shard goes"


def test_what_changes_leave_out_stays_and_a_tombstone_deletes(store: Store) -> None:
    base = freeze_plan(store, PREFIX, items_of(10), SIZE)
    rows = [
        Item(item_id="1", text="changed"),
        gone("9"),
        gone("nobody"),
        Item(item_id="x", text="x"),
    ]
    plan, changes = after(store, base, rows, "changes")
    assert told(changes) == {
        "unchanged": 8, "changed": 1, "deleted": 1, "new": 1, "unknown": 1, "touched_shards": 2,
    }  # fmt: skip
    expected = {i.item_id: i.text for i in items_of(9)} | {"1": "changed", "x": "x"}
    assert texts(store, plan) == expected
    again, changes = after(store, plan, rows, "changes")
    assert again is plan, "the same changes once more change nothing"
    assert told(changes) == {"unchanged": 10, "unknown": 2}


def test_a_file_that_changed_changes_its_row(store: Store, tmp_path: Path) -> None:
    files = [tmp_path / f"{n}.png" for n in range(3)]
    for file in files:
        file.write_bytes(b"1")
    items = [Item(item_id=f.name, image_uris=(f.as_uri(),)) for f in files]
    versions = MediaVersions(MediaLimits())
    base = freeze_plan(store, PREFIX, items, 1, versions=versions)
    files[1].write_bytes(b"22")
    given: dict[str, Any] = {"kind": "full", "versions": versions}
    plan, changes = plan_changes(store, store, base, items, 1, **given)
    assert told(changes) == {"unchanged": 2, "changed": 1, "touched_shards": 1}
    assert plan.shards[1].earlier == base.shards[1].name
    assert plan_changes(store, store, plan, items, 1, **given)[0] is plan


def test_bad_rows_are_counted_and_kept_until_they_are_mended(store: Store) -> None:
    base = freeze_plan(store, PREFIX, [*items_of(3), bad("b"), bad("c")], SIZE)
    same, _ = after(store, base, [*items_of(3), bad("b"), bad("c")])
    assert same is base
    same, _ = after(store, base, [bad("b"), Item(item_id="0", text="text 0")], "changes")
    assert [letter.item_id for letter in read_dead_letters(store, same.dead_letters)] == ["b", "c"]
    assert same is base
    plan, _ = after(store, base, [Item(item_id="b", text="mended"), gone("c"), bad("d")], "changes")
    assert [letter.item_id for letter in read_dead_letters(store, plan.dead_letters)] == ["d"]
    assert (plan.rows, plan.rejected, plan.rows_in) == (4, 1, 5)
    assert sum(shard.rejected for shard in plan.shards) == 1


def test_a_dry_run_writes_only_where_plans_go(store: Store, tmp_path: Path) -> None:
    base = freeze_plan(store, PREFIX, items_of(10), SIZE)
    before = {key for key, _ in store.list()}
    plans = open_store(str(tmp_path / "plans"))
    given: dict[str, Any] = {"kind": "full", "versions": None}
    plan, _ = plan_changes(store, plans, base, items_of(9), SIZE, **given)
    assert {key for key, _ in store.list()} == before
    assert plans.exists(plan.shards[-1].key)
    assert not plans.exists(plan.shards[0].key)


corpora = st.dictionaries(st.sampled_from("abcdefghij"), st.sampled_from(["1", "2"]))


@settings(max_examples=60, deadline=None)
@given(
    first=corpora, listings=st.lists(corpora, max_size=3), kind=st.sampled_from(["full", "changes"])
)
def test_whatever_is_listed_the_plan_holds_just_that(
    tmp_path_factory: pytest.TempPathFactory,
    first: Mapping[str, str],
    listings: list[Mapping[str, str]],
    kind: Listing,
) -> None:
    """In changes, the words "2" stand for a tombstone."""
    store = open_store(str(tmp_path_factory.getbasetemp() / f"changes-{uuid.uuid4().hex}"))
    plan = freeze_plan(store, PREFIX, [Item(item_id=i, text=t) for i, t in first.items()], SIZE)
    now = dict(first)
    for listed in listings:
        deletes = kind == "changes"
        rows: list[CorpusRow] = [
            gone(i) if deletes and t == "2" else Item(item_id=i, text=t) for i, t in listed.items()
        ]
        before, was = plan, dict(now)
        plan, changes = after(store, plan, rows, kind)
        if kind == "full":
            now = dict(listed)
        else:
            now |= {i: t for i, t in listed.items() if t == "1"}
            now = {i: t for i, t in now.items() if listed.get(i) != "2"}
        assert texts(store, plan) == now
        assert plan.rows == len(now)
        assert changes.unchanged == sum(was.get(i) == t for i, t in now.items())
        assert changes.new == len(now.keys() - was.keys())
        assert changes.deleted == len(was.keys() - now.keys())
        kept = {shard.name for shard in before.shards} & {shard.name for shard in plan.shards}
        assert len(before.shards) - len(kept) == changes.touched_shards
