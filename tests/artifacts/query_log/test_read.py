"""Query logs: three forms in, one stream of queries out, and a bad row says where it stood."""

import datetime
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tte2_ray.artifacts.corpus import RejectedRow
from tte2_ray.artifacts.query_log import LogRow, read_log
from tte2_ray.errors import ConfigError, ResourceMissingError, ValidationError

TOPICS = """\
<top>
<num> Number: 301
<title> International
 Organized Crime
<desc> Description:
Identify organizations.
</top>

<top>
<num>302
<title>
<desc> Description: Is it polio?
<narr> Narrative: No.
</top>
"""


def queries(path: Path, log_format: str = "auto") -> list[LogRow]:
    rows = list(read_log(str(path), log_format))  # type: ignore[arg-type]
    assert all(isinstance(row, LogRow) for row in rows), rows
    return [row for row in rows if isinstance(row, LogRow)]


def rejected(path: Path) -> list[RejectedRow]:
    return [row for row in read_log(str(path)) if isinstance(row, RejectedRow)]


def jsonl(path: Path, *rows: object) -> Path:
    path.write_text(
        "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    )
    return path


def test_a_row_of_jsonl_says_all_that_is_asked(tmp_path: Path) -> None:
    log = jsonl(tmp_path / "log.jsonl", {
        "query_id": "q1", "text": "the same, but green", "image_uri": "star.png",
        "instruction": "Find the picture.", "candidates": ["a", 7, "a"], "time": "2026-01-01",
        "count": 3, "user": "is passed over",
    })  # fmt: skip
    [row] = queries(log)
    assert row.query_id == "q1"
    assert row.given.image_uris == ((tmp_path / "star.png").as_uri(),)
    assert row.given.metadata == {}
    assert row.instruction == "Find the picture."
    assert row.candidates == ("a", "7")
    assert (row.time, row.count) == ("2026-01-01", 3)


def test_parquet_gives_the_same_queries(tmp_path: Path) -> None:
    rows = [
        {"query_id": 1, "text": "a", "candidates": ["x"], "video_uri": None, "count": 2,
         "time": datetime.datetime(2026, 1, 2, 3)},
        {"query_id": 2, "text": None, "candidates": [], "video_uri": "s3://b/v.mp4", "count": None,
         "time": None},
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "log.parquet")
    first, second = queries(tmp_path / "log.parquet")
    assert (first.query_id, first.candidates, first.count) == ("1", ("x",), 2)
    assert first.time == "2026-01-02T03:00:00"
    assert (second.given.video_uri, second.candidates, second.count) == ("s3://b/v.mp4", (), 1)


@pytest.mark.parametrize("name", ["topics.301-302", "t.trec", "t.txt", "t.tsv.gz"])
def test_classic_topics_are_read_by_number_and_title(tmp_path: Path, name: str) -> None:
    data = TOPICS.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    first, second = queries(tmp_path / name)
    assert (first.query_id, first.given.text) == ("301", "International Organized Crime")
    assert (second.query_id, second.given.text) == ("302", "Is it polio?")


def test_simple_topics_are_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "q.tsv").write_text("\ufeff12\twhat is a star\n\n13\ttabs\tbelong to it\n")
    first, second = queries(tmp_path / "q.tsv")
    assert (first.query_id, first.given.text) == ("12", "what is a star")
    assert second.given.text == "tabs\tbelong to it"


def test_a_bad_row_says_where_it_stood_and_why(tmp_path: Path) -> None:
    log = jsonl(
        tmp_path / "log.jsonl",
        {"query_id": "ok", "text": "fine"},
        "{not json",
        {"text": "no id"},
        {"query_id": "empty", "text": " "},
        {"query_id": "ok", "text": "again"},
        {"query_id": "pool", "text": "x", "candidates": "a, b"},
        {"query_id": "pool2", "text": "x", "candidates": [{"id": 1}]},
        {"query_id": "pool3", "text": "x", "candidates": ["a"] * 16_385},
        {"query_id": "count", "text": "x", "count": 0},
        {"query_id": "task", "text": "x", "instruction": ["find"]},
        ["query_id", "x"],
    )
    found = rejected(log)
    where = [f"{log.as_uri()}:{n}: " for n in range(2, 12)]
    assert [row.message.startswith(at) for row, at in zip(found, where, strict=True)] == [True] * 10
    assert [row.error_class.value for row in found] == [
        "malformed_row", "bad_id", "empty_row", "duplicate_id", "malformed_row", "malformed_row",
        "too_large", "malformed_row", "malformed_row", "malformed_row",
    ]  # fmt: skip
    assert "query_id is missing or empty" in found[1].message
    assert [row.item_id for row in found[3:9]] == ["ok", "pool", "pool2", "pool3", "count", "task"]
    assert "count must be a whole number from 1, not 0" in found[7].message


def test_topics_that_are_none_are_rejected_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "q.tsv").write_bytes(b"no tab here\n7\t\xff\xfe\n8\tfine\n")
    no_tab, not_utf8 = rejected(tmp_path / "q.tsv")
    assert ":1: no tab between id and text" in no_tab.message
    assert (not_utf8.error_class.value, ":2: " in not_utf8.message) == ("bad_encoding", True)
    text = "stray\n" + TOPICS + "<top>\n<num> 303\n<title> open\n"
    (tmp_path / "t.trec").write_text(TOPICS + text)
    stray, *_, unclosed = rejected(tmp_path / "t.trec")
    assert ":15: a line outside of <top>" in stray.message
    assert "a <top> that no </top> closes" in unclosed.message


def test_a_log_that_is_missing_empty_or_of_no_known_form(tmp_path: Path) -> None:
    with pytest.raises(ResourceMissingError, match=r"query log .*none\.jsonl"):
        list(read_log(str(tmp_path / "none.jsonl")))
    for name in ("log.jsonl", "q.tsv"):
        (tmp_path / name).write_text("\n")
        with pytest.raises(ResourceMissingError, match=f"query log .*{name} has no rows"):
            list(read_log(str(tmp_path / name)))
    (tmp_path / "picture.png").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"say log\.format=parquet, jsonl or trec"):
        list(read_log(str(tmp_path / "picture.png")))
    (tmp_path / "t.xml").write_text("<?xml version='1.0'?><topics/>")
    with pytest.raises(ValidationError, match="topics in XML are not read"):
        list(read_log(str(tmp_path / "t.xml"), "trec"))
    pq.write_table(pa.table({"id": ["a"], "text": ["b"]}), tmp_path / "log.parquet")
    with pytest.raises(
        ValidationError, match=r"no column query_id; its columns are \['id', 'text'"
    ):
        list(read_log(str(tmp_path / "log.parquet")))


def test_a_folder_of_parts_is_one_log_and_media_beside_them_are_none_of_it(tmp_path: Path) -> None:
    jsonl(tmp_path / "b.jsonl", {"query_id": "2", "text": "b"})
    jsonl(tmp_path / "a.jsonl", {"query_id": "1", "text": "a"})
    (tmp_path / "star.png").write_bytes(b"x")
    assert [row.query_id for row in queries(tmp_path)] == ["1", "2"]
    assert [row.query_id for row in queries(tmp_path / "*.jsonl")] == ["1", "2"]
    pq.write_table(pa.table({"query_id": ["3"], "text": ["c"]}), tmp_path / "c.parquet")
    with pytest.raises(ConfigError, match=r"Parquet and JSONL files; say log\.format"):
        queries(tmp_path)
    assert [row.query_id for row in queries(tmp_path, "parquet")] == ["3"]
