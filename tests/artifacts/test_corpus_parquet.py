"""Parquet manifests: what rejects a row, and what ends the job."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.artifacts.corpora import ids, parquet, source
from tte2_ray.artifacts.corpus import RejectedRow, read_corpus
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ValidationError
from tte2_ray.schema import Item


def test_parquet_rows_become_items(store: Store) -> None:
    rows = [
        {
            "item_id": f"{n}",
            "text": "t",
            "image_uris": ["i.png"],
            "document_page": float("nan"),
            "metadata": '{"k": 1}',
            "year": n,
            "pixels": b"\x00" * 100,
        }
        for n in range(3000)
    ]
    store.put("rows.parquet", parquet(rows, row_group_size=700))
    found = list(read_corpus(source(store, "rows.parquet")))
    assert len(found) == 3000
    assert found[2999] == Item(
        item_id="2999",
        text="t",
        image_uris=(store.uri("i.png"),),
        metadata={"k": 1, "year": 2999},
    )


def test_parquet_text_that_is_not_utf8_rejects_its_row_alone(store: Store) -> None:
    texts = pa.array([b"fine", b"\xe9", b"good"]).view(pa.string())
    buffer = io.BytesIO()
    pq.write_table(pa.table({"item_id": ["a", "b", "c"], "text": texts}), buffer)
    store.put("rows.parquet", buffer.getvalue())
    rows = list(read_corpus(source(store, "rows.parquet")))
    assert ids(rows) == ["a", "c"]
    (rejected,) = (row for row in rows if isinstance(row, RejectedRow))
    assert (rejected.item_id, rejected.error_class.value) == ("b", "bad_encoding")
    assert "rows.parquet row 2: text" in rejected.message


def test_parquet_time_beyond_the_calendar_rejects_its_row_alone(store: Store) -> None:
    seen = pa.array([0, 10**18], pa.int64()).view(pa.timestamp("us"))
    buffer = io.BytesIO()
    pq.write_table(pa.table({"item_id": ["a", "b"], "text": ["x", "y"], "seen": seen}), buffer)
    store.put("rows.parquet", buffer.getvalue())
    good, rejected = read_corpus(source(store, "rows.parquet"))
    assert isinstance(good, Item)
    assert good.metadata == {"seen": "1970-01-01T00:00:00"}
    assert isinstance(rejected, RejectedRow)
    assert (rejected.item_id, rejected.error_class.value) == ("b", "malformed_row")
    assert "rows.parquet row 2: seen cannot be read" in rejected.message


def test_parquet_that_is_broken_or_has_no_ids_ends_the_job(store: Store) -> None:
    store.put("a.parquet", b"PAR1 this is not it PAR1")
    with pytest.raises(ValidationError, match=r"a\.parquet: not a readable Parquet"):
        list(read_corpus(source(store, "a.parquet")))
    store.put("b.parquet", parquet([{"id": "a", "text": "x"}]))
    with pytest.raises(ValidationError, match=r"no column item_id; its columns are \['id', 'text'"):
        list(read_corpus(source(store, "b.parquet")))
    body = bytearray(parquet([{"item_id": str(n), "text": str(n) * 50} for n in range(20_000)]))
    body[2000:60_000] = b"\xff" * 58_000
    store.put("c.parquet", bytes(body))
    with pytest.raises(ValidationError, match=r"c\.parquet: not a readable Parquet"):
        list(read_corpus(source(store, "c.parquet")))


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()], ids=str)
@pytest.mark.parametrize("store_schema", [True, False])
def test_our_columns_may_be_binary_and_pixels_stay_behind(
    store: Store, kind: pa.DataType, store_schema: bool
) -> None:
    """As Spark, DuckDB and Polars write text of which nobody said that it is UTF-8."""
    given = {
        "item_id": "ä",
        "text": "a caption",
        "image_uri": "1.png",
        "image_uris": ["2.png"],
        "video_uri": "v.mp4",
        "document_uri": "d.pdf",
        "metadata": '{"k": 1}',
    }
    binary = {
        name: [each.encode() for each in value] if isinstance(value, list) else value.encode()
        for name, value in given.items()
    }
    columns = dict.fromkeys(given, kind) | {"image_uris": pa.list_(kind), "pixels": kind}
    body = parquet([{**binary, "pixels": b"\xff"}], pa.schema(columns), store_schema=store_schema)
    store.put("binary.parquet", body)
    store.put("text.parquet", parquet([given]))
    (found,) = read_corpus(source(store, "binary.parquet"))
    assert [found] == list(read_corpus(source(store, "text.parquet")))
    assert isinstance(found, Item)
    assert found.image_uris == (store.uri("1.png"), store.uri("2.png"))


@pytest.mark.parametrize(
    "column", ["item_id", "image_uri", "image_uris", "video_uri", "document_uri", "metadata"]
)
def test_a_binary_column_that_is_not_utf8_rejects_its_row_alone(store: Store, column: str) -> None:
    kind = pa.list_(pa.binary()) if column == "image_uris" else pa.binary()
    bad = [b"caf\xe9"] if column == "image_uris" else b"caf\xe9"
    schema = pa.schema({"item_id": pa.binary(), "text": pa.string(), column: kind})
    rows = [{"item_id": b"a", "text": "x"}, {"item_id": b"b", "text": "x", column: bad}]
    store.put("rows.parquet", parquet(rows, schema))
    good, rejected = read_corpus(source(store, "rows.parquet"))
    assert isinstance(good, Item)
    assert isinstance(rejected, RejectedRow)
    assert rejected.error_class.value == "bad_encoding"
    assert f"rows.parquet row 2: {column} is not UTF-8" in rejected.message
    assert rejected.item_id == ("" if column == "item_id" else "b")


def test_a_column_whose_name_is_not_utf8_is_a_broken_file(store: Store) -> None:
    data = parquet([{"item_id": "a", "text": "x", "more": "y"}], store_schema=False)
    store.put("a.parquet", data.replace(b"more", b"m\x80re"))
    with pytest.raises(ValidationError, match="not a readable Parquet file"):
        list(read_corpus(source(store, "a.parquet")))
