"""A frozen log: equal queries are one, who asked is kept, and the same log is the same plan."""

import json
from pathlib import Path
from typing import Any

import pytest

from tte2_ray.artifacts.dead_letters import read_dead_letters
from tte2_ray.artifacts.query_log import FirstStage, Frozen, read_log
from tte2_ray.artifacts.query_log import freeze as freezing
from tte2_ray.artifacts.query_log.freeze import FrozenLog, freeze_log
from tte2_ray.artifacts.query_log.rows import LOG_COLUMNS
from tte2_ray.artifacts.shards import read_shard
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.artifacts.tables import read_table
from tte2_ray.errors import ResourceMissingError, ValidationError
from tte2_ray.schema import Item, asked_schema

ROWS: list[dict[str, Any]] = [
    {"query_id": "a", "text": "star"},
    {"query_id": "b", "text": "moon", "count": 5},
    {"query_id": "c", "text": "star", "time": "later"},
    {"query_id": "d", "text": "star", "instruction": "Find a page."},
    {"query_id": "e", "text": "star", "candidates": ["x", "y"]},
    {"query_id": "f", "text": "star", "candidates": ["y", "x"]},
    {"query_id": "g", "text": "moon"},
    {"query_id": "g", "text": "twice"},
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def frozen(
    store: Store,
    folder: Path,
    rows: list[dict[str, Any]],
    *,
    queries_per_shard: int = 2,
    **more: Any,
) -> FrozenLog:
    log = folder / "log.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return freeze_log(store, "queries/l", read_log(str(log)), queries_per_shard, **more)


def items(store: Store, log: FrozenLog) -> list[Item]:
    return [item for shard in log.plan.shards for item in read_shard(store, shard)]


def asked(store: Store, log: FrozenLog) -> list[tuple[str, str]]:
    rows = [row for key in log.asked for row in read_table(store, key, asked_schema()).to_pylist()]
    return [(row["query"], row["query_id"]) for row in rows]


def test_equal_queries_are_one_whoever_asked_and_when(store: Store, tmp_path: Path) -> None:
    log = frozen(store, tmp_path, ROWS, instruction="Find a thing.")
    made = items(store, log)
    assert [(item.text, Frozen.of(item).instruction, Frozen.of(item).pool) for item in made] == [
        ("star", "Find a thing.", ()),
        ("moon", "Find a thing.", ()),
        ("star", "Find a page.", ()),
        ("star", "Find a thing.", ("x", "y")),
        ("star", "Find a thing.", ("y", "x")),
    ]
    assert (log.rows_in, log.queries, log.plan.rows, log.plan.rejected) == (8, 7, 5, 1)
    named = {name: n for n, name in enumerate(item.item_id for item in made)}
    assert [(named[query], query_id) for query, query_id in asked(store, log)] == [
        (0, "a"), (0, "c"), (1, "b"), (1, "g"), (2, "d"), (3, "e"), (4, "f"),
    ]  # fmt: skip
    [letter] = read_dead_letters(store, log.plan.dead_letters)
    assert (letter.item_id, letter.error_class) == ("g", "duplicate_id")


def test_the_same_log_is_the_same_plan_and_other_askers_share_its_shards(
    store: Store, tmp_path: Path
) -> None:
    first = frozen(store, tmp_path, ROWS)
    assert frozen(store, tmp_path, ROWS) == first
    others = [{**row, "query_id": f"other-{n}"} for n, row in enumerate(ROWS[:-1])]
    second = frozen(store, tmp_path, others)
    assert [s.name for s in second.plan.shards] == [s.name for s in first.plan.shards]
    assert second.digest != first.digest


MANY: list[dict[str, Any]] = [{"query_id": f"q{n}", "text": f"star {n}"} for n in range(400)]


@pytest.mark.parametrize(
    "other",
    [
        [{"query_id": "new", "text": "moon"}, *MANY],
        MANY[1:],
        [{**MANY[0], "text": "a mended row"}, *MANY[1:]],
        [{"query_id": "empty"}, *MANY],
        [*MANY[:200], {"query_id": "new", "text": "moon"}, *MANY[200:]],
    ],
    ids=["added at the head", "removed", "mended", "a bad row at the head", "added within"],
)
def test_a_row_more_or_less_moves_the_shards_about_it_alone(
    store: Store, tmp_path: Path, other: list[dict[str, Any]]
) -> None:
    first, second = (frozen(store, tmp_path, rows, queries_per_shard=8) for rows in (MANY, other))
    names = [{shard.name for shard in log.plan.shards} for log in (first, second)]
    assert len(names[0] - names[1]) <= 3
    assert len(names[0]) > 30
    assert [item.text for item in items(store, second)] == [
        row["text"] for row in other if "text" in row
    ]


def test_shards_of_a_log_are_as_large_as_was_asked_for_in_the_mean(
    store: Store, tmp_path: Path
) -> None:
    log = frozen(store, tmp_path, MANY, queries_per_shard=8)
    rows = [shard.rows for shard in log.plan.shards]
    assert max(rows) <= 16
    assert 6 <= len(MANY) / len(rows) <= 10
    alone = frozen(store, tmp_path, MANY, queries_per_shard=1)
    assert len(alone.plan.shards) == len(MANY)


def test_askers_fill_as_many_files_as_they_need(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freezing, "ASKED_PER_FILE", 3)
    log = frozen(store, tmp_path, ROWS)
    assert len(log.asked) == 3
    assert [query_id for _, query_id in asked(store, log)] == ["a", "c", "b", "g", "d", "e", "f"]


def run_file(folder: Path, *lines: str) -> FirstStage:
    file = folder / "first.trec"
    file.write_text("".join(f"{line}\n" for line in lines))
    return FirstStage(str(file))


def test_a_first_stage_run_takes_the_place_of_candidates(store: Store, tmp_path: Path) -> None:
    lines = ("a Q0 y 2 0.25 bm25", "", "a Q0 x 1 0.5 bm25", "b Q0 z 1 9 bm25")
    with run_file(tmp_path, *lines) as run:
        log = frozen(store, tmp_path, ROWS[:3], first_stage=run)
    star, moon = (Frozen.of(item) for item in items(store, log))
    assert (star.pool, star.scores) == (("x", "y"), (0.5, 0.25))
    assert (moon.pool, moon.scores) == (("z",), (9.0,))
    [letter] = read_dead_letters(store, log.plan.dead_letters)
    assert (letter.item_id, letter.error_class) == ("c", "not_found")
    assert "has no candidates for this query" in letter.message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a Q0 x 1 0.5", ":2: 5 fields; a line of a run is"),
        ("a Q0 x one 0.5 t", ":2: rank 'one' or score '0.5' is no number"),
        ("a Q0 x 1 nan t", ":2: the score nan is not finite"),
        (f"a Q0 x {2**63} 0.5 t", f":2: the rank {2**63} has more than 64 bits"),
        (f"a Q0 x -{2**63 + 1} 0.5 t", f":2: the rank -{2**63 + 1} has more than 64 bits"),
        ("q Q0 x 2 0.1 t", ":2: item x comes twice for query q"),
    ],
)
def test_a_run_that_is_none_names_its_line(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        run_file(tmp_path, "q Q0 x 1 0.9 t", line)
    with pytest.raises(ResourceMissingError, match=r"run .*none\.trec"):
        FirstStage(str(tmp_path / "none.trec"))


HALF = "a\ud800b"
"""Half of a surrogate pair: JSON can say it, UTF-8 cannot."""


@pytest.mark.parametrize("value", [HALF, [HALF], {HALF: HALF}, [[HALF]]])
@pytest.mark.parametrize("column", sorted(LOG_COLUMNS))
def test_half_a_surrogate_pair_anywhere_ends_its_row_alone(
    store: Store, tmp_path: Path, column: str, value: object
) -> None:
    page = {"document_uri": "a.pdf"} if column == "page" else {}
    rows = [{"query_id": "bad", "text": "star", **page, column: value}, ROWS[1]]
    log = frozen(store, tmp_path, rows)
    assert (log.queries, log.plan.rejected) == (1, 1)
    [letter] = read_dead_letters(store, log.plan.dead_letters)
    assert letter.error_class in ("bad_encoding", "bad_id", "malformed_row")
    assert "log.jsonl:1: " in letter.message
