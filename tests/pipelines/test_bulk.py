"""The index job whose rows go in by files that the server imports, killed in between and run again.

Ray is left out, as in `test_kills.py`.
"""

from pathlib import Path

import pytest

from tests.pipelines.conftest import ROWS, Configured, contents, run
from tests.pipelines.test_kills import SHARD, did, kill_at, require_same_as_straight
from tests.pipelines.without_ray import leave_ray_out
from tte2_ray.artifacts.store import open_store
from tte2_ray.config import Loaded, load_config
from tte2_ray.errors import ConfigError, PrerequisiteError
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.server import resolve
from tte2_ray.pipelines.index.config import IndexConfig

GOOD = ROWS - 1
"""One picture is cut short; the row whose id comes twice is refused while planning."""


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray: in the place of the fixture that starts it."""
    leave_ray_out(monkeypatch)


@pytest.fixture
def by_files(real_milvus: object, configured: Configured, tmp_path: Path) -> Loaded[IndexConfig]:
    return configured("milvus.load=bulk", f"milvus.bulk_uri={tmp_path / 'bulk'}")


def require_once(loaded: Loaded[IndexConfig]) -> None:
    """Every row is there once, and no file is left."""
    assert Searcher(loaded.config.milvus).count(loaded.config.index) == GOOD
    assert len(contents(loaded)) == GOOD
    assert [key for key, _ in open_store(loaded.config.milvus.bulk_uri).list()] == []


def test_an_index_made_by_files_is_that_made_by_requests(
    real_milvus: object, configured: Configured, tmp_path: Path
) -> None:
    """The job chooses files by itself: there are enough rows."""
    by_files = configured(f"milvus.bulk_uri={tmp_path / 'bulk'}", f"milvus.bulk_min_rows={ROWS}")
    results, said = run(by_files)
    assert f"by files at {by_files.config.milvus.bulk_uri}, which Milvus v2.3.5" in said
    assert results["live"], said
    assert results["rows"] == {"in": ROWS + 1, "indexed": GOOD, "unchanged": 0, "rejected": 2}
    require_once(by_files)
    require_same_as_straight(configured, tmp_path)
    again, said = run(by_files)
    assert "nothing to do" in said
    assert again["version"] == results["version"]


@pytest.mark.parametrize(
    "step",
    ["asked", *(pytest.param(step, marks=pytest.mark.at_length)
                for step in ("ask", "imported", "load"))],
)  # fmt: skip
def test_killed_in_an_import(by_files: Loaded[IndexConfig], step: str) -> None:
    kill_at(step, by_files)
    marked = 2 * SHARD * (step == "load")
    results, said = run(by_files)
    assert results["live"], said
    assert did(results)["load"] == (ROWS - marked, marked)
    rows = results["rows"]
    assert rows["indexed"] + rows["unchanged"] == GOOD
    require_once(by_files)


@pytest.mark.at_length
def test_few_rows_go_in_by_requests_where_the_job_may_choose(
    configured: Configured, milvus_uri: str, tmp_path: Path
) -> None:
    place = f"milvus.bulk_uri={tmp_path / 'bulk'}"
    few = configured(place, f"milvus.bulk_min_rows={ROWS + 1}")
    _, said = run(few)
    assert f"rows go into Milvus by requests: fewer than milvus.bulk_min_rows={ROWS + 1}" in said
    other = f"index={few.config.index}_many", f"store={tmp_path / 'many'}"
    _, said = run(configured(place, f"milvus.bulk_min_rows={ROWS}", *other))
    able = "by files at" if milvus_uri else "by requests: Milvus milvus_lite-"
    assert f"rows go into Milvus {able}" in said


def test_a_server_that_imports_nothing_is_told_before_anything_is_made(
    configured: Configured, milvus_uri: str, tmp_path: Path
) -> None:
    place = f"milvus.bulk_uri={tmp_path / 'bulk'}"
    with pytest.raises(ConfigError, match=r"the embedded one does not"):
        load_config(IndexConfig, [], ["milvus.load=bulk", place])
    if milvus_uri:
        pytest.skip("this server imports files")
    _, said = run(configured(place, "milvus.bulk_min_rows=5"))
    assert "rows go into Milvus by requests: Milvus milvus_lite-" in said
    embedded = resolve(configured().config.milvus)
    with pytest.raises(PrerequisiteError, match=r"milvus_lite-.* imports no Parquet files"):
        run(configured("milvus.load=bulk", place, f"milvus.uri={embedded.uri}"))
