"""A row of MMEB-V2 that is of another form ends the reading, and is named with its file."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.pipelines.evaluate import mmeb_folder
from tte2_ray.errors import ValidationError
from tte2_ray.pipelines.evaluate.mmeb import read_mmeb
from tte2_ray.pipelines.evaluate.mmeb.tables import read_rows


def spoil(file: Path, changes: Mapping[str, Any]) -> None:
    """Writes a table again with another second row."""
    is_json = file.suffix == ".jsonl"
    rows = list(mmeb_folder.manifest(str(file))) if is_json else pq.read_table(file).to_pylist()
    rows[1] |= changes
    if is_json:
        mmeb_folder.jsonl(file, rows)
    else:
        mmeb_folder.table(file.parent, file.name.partition("-")[0], rows)


@pytest.mark.parametrize(
    ("name", "file", "changes", "message"),
    [
        ("GQA", "image-tasks/GQA", {"tgt_text": []}, "no candidates"),
        ("GQA", "image-tasks/GQA", {"tgt_text": None}, "tgt_text holds nothing, and must be a l"),
        ("GQA", "image-tasks/GQA", {"tgt_text": ["a", None]}, r"tgt_text\[1\] holds nothing"),
        ("GQA", "image-tasks/GQA", {"qry_text": None}, "qry_text holds nothing, and must be text"),
        ("MSCOCO_t2i", "image-tasks/MSCOCO_t2i", {"tgt_text": ["a"]},
         "tgt_img_path holds 2 candidates, tgt_text 1"),
        ("CIRR", "image-tasks/CIRR", {"tgt_img_path": ["a"]},
         "tgt_img_path holds 1 candidates, tgt_text 2"),
        ("SmthSmthV2", "video-tasks/SmthSmthV2/data", {"neg_text": None}, "neg_text holds nothing"),
        ("MSVD", "video-tasks/MSVD", {"caption": []}, "caption is an empty list"),
        ("Video-MME", "video-tasks/Video-MME/data", {"answer": "AB"}, "'AB' is no letter"),
        ("Video-MME", "video-tasks/Video-MME/data", {"answer": "E"}, "number 4, from 0, of 4"),
        ("Video-MME", "video-tasks/Video-MME/data", {"options": None}, "options holds nothing"),
        ("EgoSchema", "video-tasks/EgoSchema/Subset", {"answer": "x"},
         "answer holds 'x', and must be a whole number"),
        ("ActivityNetQA", "video-tasks/ActivityNetQA/data", {"answer": "maybe"},
         "'maybe' is none of"),
        ("QVHighlight", "video-tasks/QVHighlight", {"video_path": None}, "video_path holds noth"),
        ("MomentSeeker", "video-tasks/MomentSeeker", {"positive_frames": None},
         "positive_frames holds nothing, and must be a list"),
        ("MomentSeeker", "video-tasks/MomentSeeker", {"negative_frames": ["a.mp4"]},
         r"negative_frames\[0\] holds 'a\.mp4', and must be an object"),
        ("MomentSeeker", "video-tasks/MomentSeeker", {"positive_frames": [{"path": "a.mp4"}]},
         r"positive_frames\[0\]: output_path holds nothing"),
        ("ViDoRe_docvqa", "visdoc-tasks/docvqa_test_subsampled_beir/queries", {"query": None},
         "query holds nothing"),
        ("ViDoRe_docvqa", "visdoc-tasks/docvqa_test_subsampled_beir/qrels", {"score": None},
         "score holds nothing, and must be a whole number"),
        ("ViDoRe_docvqa", "visdoc-tasks/docvqa_test_subsampled_beir/corpus", {"image": None},
         "page 1 has no picture"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_with_its_file(
    tmp_path: Path, name: str, file: str, changes: Mapping[str, Any], message: str
) -> None:
    mmeb_folder.write_mmeb(tmp_path, [name])
    (table,) = (path for path in (tmp_path / file).iterdir() if path.stem.startswith("test"))
    spoil(table, changes)
    with pytest.raises(ValidationError, match=rf"{re.escape(str(table))}, row 2.*{message}"):
        read_mmeb(tmp_path, tmp_path / "work", [name])


def test_a_table_of_another_form_is_refused(tmp_path: Path) -> None:
    mmeb_folder.table(tmp_path / "image-tasks/GQA", "test", [{"qry_inst": "Answer."}])
    with pytest.raises(ValidationError, match="no column 'qry_text'"):
        read_mmeb(tmp_path, tmp_path / "work", ["GQA"])


def test_a_grade_with_a_rest_is_refused(tmp_path: Path) -> None:
    mmeb_folder.write_mmeb(tmp_path, ["ViDoRe_docvqa"])
    qrels = tmp_path / "visdoc-tasks/docvqa_test_subsampled_beir/qrels"
    rows = [{"query-id": f"q{n}", "corpus-id": str(n), "score": 1.0 + n / 2} for n in range(2)]
    mmeb_folder.table(qrels, "test", rows)
    with pytest.raises(ValidationError, match=r"row 2: score holds 1\.5"):
        read_mmeb(tmp_path, tmp_path / "work", ["ViDoRe_docvqa"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"query": "what", "video_pa', r"no readable table from row 3 on: Unterminated"),
        ('"what"', "from row 3 on: a row is an object, not 'what'"),
        ('{"query": "what"}', "row 3: no column 'video_path'"),
    ],
)
def test_a_line_that_is_cut_is_named(tmp_path: Path, line: str, message: str) -> None:
    mmeb_folder.write_mmeb(tmp_path, ["QVHighlight"])
    file = tmp_path / "video-tasks/QVHighlight/test.jsonl"
    file.write_text(file.read_text() + line)
    with pytest.raises(ValidationError, match=rf"test\.jsonl.*{message}"):
        read_mmeb(tmp_path, tmp_path / "work", ["QVHighlight"])


def test_a_text_may_hold_ends_of_lines_that_json_does_not_escape(tmp_path: Path) -> None:
    file = tmp_path / "test.jsonl"
    file.write_text('{"query": "a\u2028b"}\n')
    assert [row.text("query") for row in read_rows([file], ["query"])] == ["a\u2028b"]
