"""Rows on their way from the child that reads Parquet: what goes in comes out."""

import datetime
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tte2_ray.artifacts.corpus import read_corpus
from tte2_ray.artifacts.corpus.metadata import Told
from tte2_ray.artifacts.corpus.parquet_frames import bodies, rows_of
from tte2_ray.artifacts.corpus.raw import Unreadable
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.schema import Item

PLAIN = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])) | st.binary()
)  # fmt: skip
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a", "ü"]), inner)
    | st.lists(st.tuples(st.text("ab"), inner)),
    max_leaves=9,
)  # fmt: skip


def through(rows: list[Any]) -> list[Any]:
    made = bodies(rows, has_maps=True)
    return [row for body in made for row in rows_of({"rows": True}, body)]


@given(st.lists(st.dictionaries(st.text("abc", min_size=1), VALUES), min_size=1, max_size=9))
def test_rows_come_back(rows: list[dict[str, Any]]) -> None:
    assert through(rows) == rows


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (datetime.datetime(2026, 1, 2, 3, 4, 5, 678), "datetime", "2026-01-02T03:04:05.000678"),
        (datetime.date(1, 1, 2), "date", "0001-01-02"),
        (datetime.time(1, 2), "time", "01:02:00"),
        (datetime.timedelta(days=1, seconds=2), "timedelta", "1 day, 0:00:02"),
        (Decimal("1.50"), "Decimal", "1.50"),
    ],
)
def test_what_has_no_words_in_json_comes_back_as_text(value: Any, kind: str, text: str) -> None:
    assert through([{"a": [value]}]) == [{"a": [Told(kind=kind, text=text)]}]


def test_an_unreadable_row_keeps_what_can_be_read() -> None:
    error = RowError(RowErrorClass.BAD_ENCODING, "text is not UTF-8")
    (row,) = through([Unreadable(error=error, readable={"item_id": b"a", "seen": [(1, 2)]})])
    assert (row.error.error_class, row.error.message) == (error.error_class, error.message)
    assert row.readable == {"item_id": b"a", "seen": [(1, 2)]}


def test_a_body_ends_where_it_is_full() -> None:
    made = list(bodies([{"a": "x" * 400_000}] * 7, has_maps=False))
    assert [len(rows_of({"rows": True}, body)) for body in made] == [2, 2, 2, 1]


def test_metadata_of_every_kind_is_as_it_was(tmp_path: Path) -> None:
    stamp = pa.array([1_767_323_045_123_456_789], pa.timestamp("ns", tz="Europe/Berlin"))
    columns = {
        "item_id": [7],
        "text": [b"w\xc3\xb6rds"],
        "image_uris": [["a.png"]],
        "metadata": pa.array([[("k", "v")]], pa.map_(pa.string(), pa.string())),
        "stamp": stamp,
        "day": pa.array([datetime.date(2026, 1, 2)]),
        "took": pa.array([datetime.timedelta(seconds=1)]),
        "price": pa.array([Decimal("1.50")]),
        "pairs": pa.array([[(1, [2])]], pa.map_(pa.int8(), pa.list_(pa.int8()))),
        "nested": [{"a": [{"b": 1.5, "c": None}], "nul": "\0"}],
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    (tmp_path / "a.parquet").write_bytes(buffer.getvalue())
    (item,) = read_corpus(str(tmp_path / "a.parquet"))
    assert isinstance(item, Item)
    assert (item.item_id, item.text) == ("7", "wörds")
    assert item.metadata == {
        "k": "v",
        "stamp": "2026-01-02T04:04:05.123456789+01:00",
        "day": "2026-01-02",
        "took": "0:00:01",
        "price": "1.50",
        "pairs": [[1, [2]]],
        "nested": {"a": [{"b": 1.5, "c": None}], "nul": "\0"},
    }
