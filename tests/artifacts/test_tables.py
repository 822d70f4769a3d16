"""Tables: what does not fit its schema is neither written nor read."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import iter_table, read_table, write_table
from tte2_ray.errors import ResourceMissingError, ValidationError
from tte2_ray.schema import dead_letter_schema, item_schema, items, vector_schema


def _rows(count: int, **change: object) -> list[dict[str, object]]:
    names = dead_letter_schema().names
    return [{**{name: f"{name} {n}" for name in names}, **change} for n in range(count)]


def test_a_table_comes_back_as_it_was(store: Store) -> None:
    table = pa.Table.from_pylist(_rows(3000), dead_letter_schema())
    assert write_table(store, "t.parquet", table)
    found = read_table(store, "t.parquet", dead_letter_schema())
    assert found.equals(table, check_metadata=True)
    sizes = [batch.num_rows for batch in iter_table(store, "t.parquet", table.schema)]
    assert sum(sizes) == 3000
    assert max(sizes) <= 1024


def test_an_empty_table_is_a_table(store: Store) -> None:
    write_table(store, "t.parquet", item_schema().empty_table())
    assert read_table(store, "t.parquet", item_schema()).num_rows == 0


def test_the_first_table_under_a_key_is_kept(store: Store) -> None:
    one, two = (pa.Table.from_pylist(_rows(n), dead_letter_schema()) for n in (1, 2))
    assert write_table(store, "t.parquet", one)
    assert not write_table(store, "t.parquet", two)
    assert read_table(store, "t.parquet", one.schema).num_rows == 1


def test_blocks_that_lost_their_schema_are_put_into_it(disk_store: Store) -> None:
    vectors = pa.table(
        {
            "vector": [[1.0, 0.0], [0.0, 1.0]],  # a list of doubles, as a block infers it
            **{n: ["", ""] for n in vector_schema(2).names if n.endswith("_key")},
            **{n: ["", ""] for n in ("item_id", "error_class", "error_message", "error_stage")},
            "prompt_tokens": [1, 2],
            "visual_tokens": [3, 4],
        }
    )
    write_table(disk_store, "v.parquet", vectors, vector_schema(2))
    found = read_table(disk_store, "v.parquet", vector_schema(2))
    assert found.schema.equals(vector_schema(2), check_metadata=True)
    assert found["vector"].to_pylist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (_rows(2, extra=1), "left over.*extra"),
        ([{"item_id": "a"}], "missing"),
        (_rows(2, message=None), "message has nulls"),
        (_rows(2, message=[1]), "another type"),
    ],
)
def test_what_does_not_fit_is_not_written(
    disk_store: Store, rows: list[dict[str, object]], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        write_table(disk_store, "t.parquet", pa.Table.from_pylist(rows), dead_letter_schema())
    assert not disk_store.exists("t.parquet")


def test_a_table_without_a_known_schema_is_not_written(disk_store: Store) -> None:
    with pytest.raises(ValidationError, match="needs a schema"):
        write_table(disk_store, "t.parquet", pa.table({"a": [1]}))


def test_another_schema_version_or_width_is_not_read(
    disk_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(disk_store, "t.parquet", vector_schema(2).empty_table())
    with pytest.raises(ValidationError, match=r"holds vector rows.*reads item rows"):
        read_table(disk_store, "t.parquet", item_schema())
    with pytest.raises(ValidationError, match="differ"):
        read_table(disk_store, "t.parquet", vector_schema(3))
    monkeypatch.setattr(items, "SCHEMA_VERSION", "99")
    with pytest.raises(ValidationError, match=r"version 1, but this code reads .* version 99"):
        read_table(disk_store, "t.parquet", vector_schema(2))


def test_what_is_not_parquet_or_not_there_is_a_typed_error(store: Store) -> None:
    store.put("t.parquet", b"not parquet at all")
    with pytest.raises(ValidationError, match="not a readable Parquet"):
        read_table(store, "t.parquet", item_schema())
    with pytest.raises(ResourceMissingError):
        read_table(store, "u.parquet", item_schema())
    whole = pa.BufferOutputStream()
    pq.write_table(item_schema().empty_table(), whole)
    store.put("cut.parquet", whole.getvalue().to_pybytes()[:-9])
    with pytest.raises(ValidationError, match="not a readable Parquet"):
        read_table(store, "cut.parquet", item_schema())
