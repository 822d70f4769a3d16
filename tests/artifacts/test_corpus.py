"""Readers: what is a row, what is a rejected row, and what ends the job."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tte2_ray.artifacts.corpus import CorpusRow, RejectedRow, read_corpus
from tte2_ray.artifacts.corpus import jsonl as jsonl_module
from tte2_ray.artifacts.corpus.seen import SeenIds
from tte2_ray.artifacts.disk import DiskStore
from tte2_ray.artifacts.store import ObjectRefusedError, Store
from tte2_ray.errors import ConfigError, ResourceMissingError, ValidationError
from tte2_ray.media import MediaLimits
from tte2_ray.schema import Item


def _ids(rows: list[CorpusRow]) -> list[str]:
    return [row.item_id for row in rows if isinstance(row, Item)]


def _classes(rows: list[CorpusRow]) -> list[str]:
    return [row.error_class.value for row in rows if isinstance(row, RejectedRow)]


def _source(store: Store, key: str = "") -> str:
    return f"{store.root}/{key}".rstrip("/")


def _lines(*rows: object) -> bytes:
    return b"".join(r if isinstance(r, bytes) else json.dumps(r).encode() + b"\n" for r in rows)


def _parquet(rows: list[dict[str, Any]], schema: pa.Schema | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), buffer, **options)
    return buffer.getvalue()


def _pdf(pages: int) -> bytes:
    import pypdfium2

    document = pypdfium2.PdfDocument.new()
    for _ in range(pages):
        document.new_page(100, 100)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


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
    store.put("m/rows.jsonl", b"\xef\xbb\xbf" + _lines(row, b"\n", {"item_id": 7, "text": "t"}))
    first, second = read_corpus(_source(store, "m/rows.jsonl"))
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
    body = _lines(
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
    rows = list(read_corpus(_source(store, "rows.jsonl")))
    assert _ids(rows) == ["ok", "last"]
    assert _classes(rows) == [
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
    monkeypatch.setattr(jsonl_module, "MAX_LINE_BYTES", 100)
    long = {"item_id": "long", "text": "x" * 250}
    store.put("r.jsonl", _lines({"item_id": "a", "text": "x"}, long, {"item_id": "b", "text": "x"}))
    rows = list(read_corpus(_source(store, "r.jsonl")))
    assert _ids(rows) == ["a", "b"]
    assert _classes(rows) == ["too_large"]


def test_gzipped_jsonl_is_read_and_a_broken_stream_ends_the_job(store: Store) -> None:
    body = gzip.compress(_lines(*({"item_id": str(n), "text": "x"} for n in range(5000))))
    store.put("rows.jsonl.gz", body)
    assert len(list(read_corpus(_source(store, "rows.jsonl.gz")))) == 5000
    store.put("cut.jsonl.gz", body[:-500])
    with pytest.raises(ValidationError, match=r"cut\.jsonl\.gz"):
        list(read_corpus(_source(store, "cut.jsonl.gz")))


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
    store.put("rows.parquet", _parquet(rows, row_group_size=700))
    found = list(read_corpus(_source(store, "rows.parquet")))
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
    rows = list(read_corpus(_source(store, "rows.parquet")))
    assert _ids(rows) == ["a", "c"]
    (rejected,) = (row for row in rows if isinstance(row, RejectedRow))
    assert (rejected.item_id, rejected.error_class.value) == ("b", "bad_encoding")
    assert "rows.parquet row 2: text" in rejected.message


def test_parquet_time_beyond_the_calendar_rejects_its_row_alone(store: Store) -> None:
    seen = pa.array([0, 10**18], pa.int64()).view(pa.timestamp("us"))
    buffer = io.BytesIO()
    pq.write_table(pa.table({"item_id": ["a", "b"], "text": ["x", "y"], "seen": seen}), buffer)
    store.put("rows.parquet", buffer.getvalue())
    good, rejected = read_corpus(_source(store, "rows.parquet"))
    assert isinstance(good, Item)
    assert good.metadata == {"seen": "1970-01-01T00:00:00"}
    assert isinstance(rejected, RejectedRow)
    assert (rejected.item_id, rejected.error_class.value) == ("b", "malformed_row")
    assert "rows.parquet row 2: seen cannot be read" in rejected.message


def test_parquet_that_is_broken_or_has_no_ids_ends_the_job(store: Store) -> None:
    store.put("a.parquet", b"PAR1 this is not it PAR1")
    with pytest.raises(ValidationError, match=r"a\.parquet: not a readable Parquet"):
        list(read_corpus(_source(store, "a.parquet")))
    store.put("b.parquet", _parquet([{"id": "a", "text": "x"}]))
    with pytest.raises(ValidationError, match=r"no column item_id; its columns are \['id', 'text'"):
        list(read_corpus(_source(store, "b.parquet")))
    body = bytearray(_parquet([{"item_id": str(n), "text": str(n) * 50} for n in range(20_000)]))
    body[2000:60_000] = b"\xff" * 58_000
    store.put("c.parquet", bytes(body))
    with pytest.raises(ValidationError, match=r"c\.parquet: not a readable Parquet"):
        list(read_corpus(_source(store, "c.parquet")))


def test_a_folder_of_files_gives_an_item_each_and_a_page_each(store: Store) -> None:
    store.put("f/a.PNG", b"png")
    store.put("f/b/c.mp4", b"mp4")
    store.put("f/b/d.pdf", _pdf(2))
    store.put("f/e.txt", "\ufeffwörd".encode())
    store.put("f/bad.txt", b"\xff\xfe\xff")
    store.put("f/broken.pdf", b"%PDF-1.7 no")
    store.put("f/empty.jpg", b"")
    store.put("f/odd.xyz", b"1")
    store.put("f/.hidden/x.png", b"1")
    rows = list(read_corpus(_source(store, "f")))
    assert _ids(rows) == ["a.PNG", "b/c.mp4", "b/d.pdf#page=1", "b/d.pdf#page=2", "e.txt"]
    rejected = {row.item_id: row.error_class.value for row in rows if isinstance(row, RejectedRow)}
    assert rejected == {
        "bad.txt": "bad_encoding",
        "broken.pdf": "corrupt_media",
        "empty.jpg": "empty_file",
        "odd.xyz": "unsupported_type",
    }
    items = {row.item_id: row for row in rows if isinstance(row, Item)}
    assert items["a.PNG"].image_uris == (store.uri("f/a.PNG"),)
    assert items["b/c.mp4"].video_uri == store.uri("f/b/c.mp4")
    assert items["b/d.pdf#page=2"].document_uri == store.uri("f/b/d.pdf")
    assert items["b/d.pdf#page=2"].document_page == 1
    assert items["e.txt"].text == "wörd"


@pytest.mark.parametrize("pages", [3, 200_000])
def test_a_pdf_may_not_claim_more_pages_than_the_limit(store: Store, pages: int) -> None:
    store.put("f/long.pdf", _pdf(2).replace(b"/Count 2", b"/Count %d" % pages))
    store.put("f/short.pdf", _pdf(2))
    rows = list(read_corpus(_source(store, "f"), limits=MediaLimits(max_pages=2)))
    assert _ids(rows) == ["short.pdf#page=1", "short.pdf#page=2"]
    assert _classes(rows) == ["too_large"]
    assert f"states {pages} pages, over max_pages 2" in str(rows[0])


@pytest.mark.parametrize("error", [ObjectRefusedError("no"), ResourceMissingError("gone")])
def test_a_file_that_cannot_be_read_is_a_row_error(
    disk_store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    for name in ("a.txt", "b.pdf", "c.png"):
        disk_store.put(name, b"1")

    def refuse(*_: object) -> bytes:  # a double: to root every file is readable
        raise error

    monkeypatch.setattr(DiskStore, "get", refuse)
    monkeypatch.setattr(DiskStore, "open", refuse)
    rows = list(read_corpus(_source(disk_store)))
    assert _ids(rows) == ["c.png"]
    refused = isinstance(error, ObjectRefusedError)
    assert _classes(rows) == ["fetch_failed" if refused else "not_found"] * 2


def test_links_that_lead_back_are_row_errors(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("words")
    (folder / "sub" / "b.txt").write_text("words")
    (folder / "beside").symlink_to(folder / "sub")
    (folder / "sub" / "up").symlink_to(folder)
    (folder / "itself").symlink_to(folder / "itself")
    rows = list(read_corpus(str(folder)))
    assert _ids(rows) == ["a.txt", "beside/b.txt", "sub/b.txt"]
    rejected = [row.item_id for row in rows if isinstance(row, RejectedRow)]
    assert rejected == ["beside/up", "itself", "sub/up"]


def test_an_encrypted_pdf_is_a_row_error(tmp_path: Path) -> None:
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen.canvas import Canvas

    page = Canvas(str(tmp_path / "locked.pdf"), encrypt=StandardEncryption("secret"))
    page.drawString(10, 10, "x")
    page.save()
    assert _classes(list(read_corpus(str(tmp_path)))) == ["encrypted"]


def test_a_file_name_that_is_not_utf8_is_a_row_error(tmp_path: Path) -> None:
    try:
        (tmp_path / "caf\udce9.png").write_bytes(b"1")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    assert _classes(list(read_corpus(str(tmp_path)))) == ["bad_encoding"]


def test_folders_and_patterns_of_manifests(store: Store) -> None:
    for day in ("1", "2"):
        row = [{"item_id": f"p{day}", "text": "x"}]
        store.put(f"hive/day={day}/part.parquet", _parquet(row))
    assert _ids(list(read_corpus(_source(store, "hive")))) == ["p1", "p2"]
    assert _ids(list(read_corpus(_source(store, "hive/**/*.parquet")))) == ["p1", "p2"]
    assert _ids(list(read_corpus(_source(store, "hive/day=[2-9]/*.parquet")))) == ["p2"]
    store.put("top/rows-1.jsonl", _lines({"item_id": "j1", "image_uri": "i.png"}))
    store.put("top/rows-2.ndjson", _lines({"item_id": "j2", "text": "x"}))
    store.put("mixed/rows.jsonl", _lines({"item_id": "j", "text": "x"}))
    store.put("mixed/i.png", b"1")
    assert _ids(list(read_corpus(_source(store, "mixed/*.png")))) == ["i.png"]
    store.put("top/README.md", b"what these rows are")
    assert _ids(list(read_corpus(_source(store, "top/")))) == ["j1", "j2"]
    assert _ids(list(read_corpus(_source(store, "top/rows-?.jsonl")))) == ["j1"]
    store.put("top/rows.parquet", _parquet([{"item_id": "p", "text": "x"}]))
    with pytest.raises(ConfigError, match="name one"):
        read_corpus(_source(store, "top"))
    assert _ids(list(read_corpus(_source(store, "top"), "parquet"))) == ["p"]


def test_a_corpus_that_is_missing_or_empty_ends_the_job(store: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for missing in ("nothing", "nothing.jsonl", "no/*.jsonl"):
        with pytest.raises(ResourceMissingError, match=r"nothing|no file"):
            read_corpus(_source(store, missing))
    with pytest.raises(ResourceMissingError, match="empty"):
        read_corpus(str(tmp_path / "empty"))
    store.put("blank.jsonl", b"\n\n")
    schema = pa.schema([("item_id", pa.string())])
    store.put("none.parquet", _parquet([], schema))
    for empty in ("blank.jsonl", "none.parquet"):
        with pytest.raises(ResourceMissingError, match="has no rows"):
            list(read_corpus(_source(store, empty)))
    store.put("file.dat", b"1")
    with pytest.raises(ConfigError, match="format"):
        read_corpus(_source(store, "file.dat"))


def test_the_first_of_an_id_wins_across_files(disk_store: Store) -> None:
    disk_store.put("c/1.jsonl", _lines({"item_id": "a", "text": "1"}, {"item_id": "b"}))
    disk_store.put(
        "c/2.jsonl", _lines({"item_id": "b", "text": "2"}, {"item_id": "a", "text": "3"})
    )
    rows = list(read_corpus(_source(disk_store, "c")))
    assert [(row.item_id, row.text) for row in rows if isinstance(row, Item)] == [
        ("a", "1"),
        ("b", "2"),
    ]
    assert _classes(rows) == ["empty_row", "duplicate_id"]


def test_seen_ids_remembers_more_than_its_cache(tmp_path: Path) -> None:
    with SeenIds() as seen:
        assert all(seen.add(f"id-{n}") for n in range(100_000))
        assert not any(seen.add(f"id-{n}") for n in range(0, 100_000, 7))
