from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.milvus.conftest import DIMENSION, rows
from tte2_ray.milvus import row_file
from tte2_ray.milvus.collection import _schema
from tte2_ray.milvus.row_file import RowFile
from tte2_ray.milvus.rows import to_entity
from tte2_ray.milvus.upsert import Entity


def entities(count: int) -> list[Entity]:
    return [to_entity(each, dimension=DIMENSION, metadata_fields=("title",))[0]
            for each in rows(count)]  # fmt: skip


def test_its_columns_are_those_of_a_collection(tmp_path: Path) -> None:
    from pymilvus import MilvusClient

    file = RowFile(tmp_path / "rows.parquet")
    file.write(entities(3))
    file.close()
    wanted = {field.name for field in _schema(MilvusClient, DIMENSION).fields}  # type: ignore[arg-type]
    assert set(pq.read_schema(file.file).names) == wanted


def test_pieces_are_put_together_into_groups_that_fit_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = entities(90)
    whole = RowFile(tmp_path / "whole.parquet")
    monkeypatch.setattr(row_file, "_GROUP_BYTES", 10_000)
    cut = RowFile(tmp_path / "cut.parquet")
    for start in range(0, 90, 10):
        cut.write(made[start : start + 10])
    cut.write([])
    cut.close()
    monkeypatch.undo()
    for start in range(0, 90, 10):
        whole.write(made[start : start + 10])
    whole.close()
    assert pq.ParquetFile(whole.file).metadata.num_row_groups == 1
    assert 1 < pq.ParquetFile(cut.file).metadata.num_row_groups < 9
    assert pq.read_table(cut.file) == pq.read_table(whole.file)
    assert cut.rows == whole.rows == 90


def test_a_file_of_no_row_is_one(tmp_path: Path) -> None:
    empty = RowFile(tmp_path / "empty.parquet")
    empty.close()
    assert empty.rows == pq.read_metadata(empty.file).num_rows == 0
