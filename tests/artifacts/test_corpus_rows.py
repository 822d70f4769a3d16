"""One row: which pages and metadata it may name, and that no row at all ends the job."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tte2_ray.artifacts.corpus import RejectedRow, parse_row, read_corpus
from tte2_ray.artifacts.corpus.metadata import MAX_METADATA_LEVELS
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.store import open_store
from tte2_ray.errors import RowError
from tte2_ray.schema import Item


def test_a_column_page_is_metadata_where_no_page_is_missing() -> None:
    for row in ({"text": "t"}, {"document_uri": "d.pdf", "document_page": 2}):
        item = parse_row({"item_id": "a", "page": 3, **row}, lambda uri: uri)
        assert item.metadata == {"page": 3}
        assert item.document_page == row.get("document_page", 0)


@pytest.mark.parametrize("page", [3, 3.0])
def test_a_column_page_beside_a_document_counts_from_one(page: float) -> None:
    row = {"item_id": "a", "document_uri": "d.pdf", "page": page, "document_page": None}
    item = parse_row(row, lambda uri: uri)
    assert item.document_page == 2, "page 3, as in d.pdf#page=3"
    assert item.metadata == {"page": page}
    assert parse_row({**row, "page": None}, lambda uri: uri).document_page == 0


@pytest.mark.parametrize("page", [0, -1, 1.5, True, "3", "iv", [3], 2**31])
def test_a_page_that_is_no_whole_number_from_one_is_a_row_error(page: Any) -> None:
    row = {"item_id": "a", "document_uri": "d.pdf", "page": page}
    with pytest.raises(RowError, match="page counts from 1 and must be a whole number") as raised:
        parse_row(row, lambda uri: uri)
    assert raised.value.error_class.value == "malformed_row"


@pytest.mark.parametrize("column", ["extra", "metadata", "text", "document_page", "image_uris"])
@pytest.mark.parametrize("levels", [40, 500, 900, 5000])
def test_a_row_that_is_nested_too_deep_is_a_row_error(
    tmp_path: Path, column: str, levels: int
) -> None:
    row = (
        b'{"item_id": "deep", "%s": ' % column.encode() + b'{"a": ' * levels + b"1" + b"}" * levels
    )
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b'{"item_id": "a", "text": "x"}\n' + row + b"}\n")
    good, rejected = read_corpus(str(file))
    assert isinstance(good, Item)
    assert isinstance(rejected, RejectedRow)
    assert rejected.error_class.value == "malformed_row"
    assert rejected.message.startswith(f"{file.as_uri()}:2: ")
    if levels <= 500:  # of a row that is too deep even to be parsed the id is not known
        assert rejected.item_id == "deep"
    freeze_plan(open_store(str(tmp_path / "store")), "c", [good, rejected], 4)


def test_metadata_may_be_nested_a_little(tmp_path: Path) -> None:
    nested: Any = 1
    for _ in range(MAX_METADATA_LEVELS - 1):
        nested = [nested]
    item = parse_row({"item_id": "a", "text": "x", "extra": nested}, lambda uri: uri)
    assert Item.from_row(item.to_row()) == item
    with pytest.raises(RowError, match=f"nested over {MAX_METADATA_LEVELS} levels"):
        parse_row({"item_id": "a", "text": "x", "extra": [nested]}, lambda uri: uri)


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "1e999", "[NaN]"])
@pytest.mark.parametrize("column", ["extra", "metadata"])
def test_a_number_that_json_lacks_is_rejected_when_planning(
    tmp_path: Path, column: str, number: str
) -> None:
    value = number if column == "extra" else f'{{"price": {number}}}'
    file = tmp_path / "rows.jsonl"
    file.write_text(f'{{"item_id": "a", "text": "x", "{column}": {value}}}\n')
    (rejected,) = read_corpus(str(file))
    assert isinstance(rejected, RejectedRow)
    assert rejected.error_class.value == "malformed_row"
    assert "metadata: " in rejected.message


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_COLUMN = st.sampled_from(
    ["item_id", "text", "image_uri", "image_uris", "video_uri", "document_uri", "document_page",
     "page", "metadata", "other"]
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine
@given(_JSON | st.dictionaries(_COLUMN, _JSON, max_size=6))
def test_any_row_is_an_item_or_a_row_error(row: Any) -> None:
    try:
        item = parse_row(row, lambda uri: uri)
    except RowError as error:
        error.message.encode("utf-8", "backslashreplace")
        return
    assert Item.from_row(item.to_row()) == item
    assert parse_row(item.to_row(), lambda uri: uri) == item
