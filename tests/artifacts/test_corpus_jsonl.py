"""JSON lines: what is a row, what is a rejected row, and what ends the job."""

import gzip

import pytest

from tests.artifacts.corpora import classes, ids, lines, source
from tte2_ray.artifacts.corpus import RejectedRow, read_corpus
from tte2_ray.artifacts.corpus import raw as raw_module
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ValidationError
from tte2_ray.schema import Item


def test_jsonl_rows_become_items_with_absolute_uris(store: Store) -> None:
    row = {
        "item_id": "a",
        "text": "ü",
        "image_uri": "one two.png",
        "image_uris": ["../up.png", "s3://b/k.png", "https://h/x.png"],
        "video_uri": "/abs/v.mp4",
        "document_uri": "d.pdf",
        "document_page": 3,
        "metadata": {"lang": "de", "n": [1, {"x": None}]},
        "title": "kept",
        "lang": "loses to metadata",
        "nothing": None,
    }
    store.put("m/rows.jsonl", b"\xef\xbb\xbf" + lines(row, b"\n", {"item_id": 7, "text": "t"}))
    first, second = read_corpus(source(store, "m/rows.jsonl"))
    image = store.uri("m/one two.png")
    assert first == Item(
        item_id="a",
        text="ü",
        image_uris=(image, store.uri("up.png"), "s3://b/k.png", "https://h/x.png"),
        video_uri="file:///abs/v.mp4",
        document_uri=store.uri("m/d.pdf"),
        document_page=3,
        metadata={"lang": "de", "n": [1, {"x": None}], "title": "kept"},
    )
    assert second == Item(item_id="7", text="t")


def test_bad_lines_are_records_with_their_number_and_id(store: Store) -> None:
    body = lines(
        {"item_id": "ok", "text": "fine"},
        b"{not json}\n",
        {"text": "no id"},
        {"item_id": "", "text": "empty id"},
        {"item_id": "x" * 600, "text": "long id"},
        {"item_id": "a\nb", "text": "control"},
        {"item_id": 1.5, "text": "float id"},
        {"item_id": 10**599, "text": "number of 600 digits"},
        {"item_id": "empty"},
        {"item_id": "blank", "text": "  "},
        {"item_id": "wrong", "text": 5},
        {"item_id": "page", "document_uri": "d.pdf", "document_page": -1},
        {"item_id": "column", "document_uri": "d.pdf", "page": 0},
        {"item_id": "uris", "image_uris": {"a": 1}},
        {"item_id": "hole", "image_uris": ["a.png", None]},
        {"item_id": "meta", "text": "x", "metadata": "[1"},
        b'{"item_id": "latin", "text": "\xe9"}\n',
        b'{"item_id": "half", "text": "\\ud800"}\n',
        b"[1, 2]\n",
        b"[" * 100_000 + b"\n",
        {"item_id": "ok", "text": "again"},
        b'{"item_id": "last", "text": "no newline"}',
    )
    store.put("rows.jsonl", body)
    rows = list(read_corpus(source(store, "rows.jsonl")))
    assert ids(rows) == ["ok", "last"]
    assert classes(rows) == [
        *["malformed_row", "bad_id", "bad_id", "bad_id", "bad_id", "bad_id", "bad_id"],
        *["empty_row", "empty_row", "malformed_row", "malformed_row", "malformed_row"],
        "malformed_row",
        *["malformed_row", "malformed_row", "bad_encoding", "bad_encoding"],
        *["malformed_row", "malformed_row", "duplicate_id"],
    ]
    rejected = [row for row in rows if isinstance(row, RejectedRow)]
    assert [
        r.message.startswith(f"{store.uri('rows.jsonl')}:{n}: ")
        for n, r in enumerate(rejected, start=2)
    ] == [True] * 20
    assert rejected[11].item_id == "column"
    assert "page counts from 1 and must be a whole number, not 0" in rejected[11].message
    assert rejected[15].item_id == "latin"
    assert rejected[19].item_id == "ok"
    for row in rejected:
        row.row.encode()
        assert len(row.row) <= 64 * 1024


def test_a_line_too_long_is_read_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_module, "MAX_LINE_BYTES", 100)
    long = {"item_id": "long", "text": "x" * 250}
    store.put("r.jsonl", lines({"item_id": "a", "text": "x"}, long, {"item_id": "b", "text": "x"}))
    rows = list(read_corpus(source(store, "r.jsonl")))
    assert ids(rows) == ["a", "b"]
    assert classes(rows) == ["too_large"]


def test_gzipped_jsonl_is_read_and_a_broken_stream_ends_the_job(store: Store) -> None:
    body = gzip.compress(lines(*({"item_id": str(n), "text": "x"} for n in range(5000))))
    store.put("rows.jsonl.gz", body)
    assert len(list(read_corpus(source(store, "rows.jsonl.gz")))) == 5000
    store.put("cut.jsonl.gz", body[:-500])
    with pytest.raises(ValidationError, match=r"cut\.jsonl\.gz"):
        list(read_corpus(source(store, "cut.jsonl.gz")))
