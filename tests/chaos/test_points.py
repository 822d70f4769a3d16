"""The table of crash points names just what a run comes by."""

import re
from pathlib import Path

import pytest

from tests.chaos import points
from tests.chaos.harness import AT_POINTS

TABLE = Path(__file__).parent.parent.parent / "docs" / "crash-points.md"


def test_the_table_has_a_row_for_each_point() -> None:
    found = re.findall(r"^\| `([^`]+)` \|.*\| `([^`]+)` \|$", TABLE.read_text(), re.MULTILINE)
    rows = [point for point, _ in found]
    assert len(rows) == len(set(rows))
    assert set(rows) == set(points.NAMES)
    assert [test for _, test in found] == [f"{AT_POINTS} {point}" for point in rows]


def test_a_write_without_a_name_is_no_commit_point() -> None:
    assert points.point_of("put_once", "ecr/ab12/shard-cd34.done.json") == "reason.marker"
    with pytest.raises(ValueError, match="no commit point that has a name"):
        points.point_of("put", "somewhere/new.json")
