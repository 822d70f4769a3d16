"""results.json says how a run ended, also where it failed; Ray is left out (`ray_cluster`)."""

import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.conftest import ROWS, Configured, run
from tests.pipelines.without_ray import killed, leave_ray_out
from tte2_ray.config import Loaded
from tte2_ray.errors import (
    PartialFailure,
    PrerequisiteError,
    ResourceMissingError,
    RuntimeFailure,
    ValidationError,
)
from tte2_ray.pipelines import flow
from tte2_ray.pipelines.index import job
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.outcome import write_whole


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray: in the place of the fixture that starts it."""
    leave_ray_out(monkeypatch)


def left(loaded: Loaded[IndexConfig]) -> tuple[dict[str, Any], bool]:
    """What results.json says, and whether there is a page."""
    folder = Path(loaded.config.report_dir)
    return json.loads((folder / "results.json").read_text()), (folder / "report.html").exists()


def dies(*_: object) -> Iterator[None]:
    """A double of `run_phase`: the engine is dead."""
    raise RuntimeFailure("workers died")


def breaks(*_: object) -> Iterator[None]:
    """A double of `run_phase`: a bug."""
    raise KeyError("no such column")


@pytest.fixture
def after_a_success(configured: Configured) -> Loaded[IndexConfig]:
    """An index that is live, and told of as that."""
    loaded = configured()
    results, _ = run(loaded)
    assert (results["outcome"], results["exit_code"]) == ("done", 0)
    assert left(loaded) == (results, True)
    return loaded


@pytest.mark.usefixtures("after_a_success")
@pytest.mark.parametrize(
    ("double", "error", "code", "message"),
    [
        (dies, RuntimeFailure, 6, "workers died"),
        (breaks, KeyError, 6, "unexpected KeyError: 'no such column'"),
        (killed, KeyboardInterrupt, 130, "interrupted"),
    ],
)
def test_a_run_that_fails_at_work_leaves_no_success_behind(
    configured: Configured,
    monkeypatch: pytest.MonkeyPatch,
    double: Any,
    error: type[BaseException],
    code: int,
    message: str,
) -> None:
    again = configured("embedder.engine.fake_dimension=32")
    monkeypatch.setattr(flow, "run_phase", double)
    with pytest.raises(error):
        run(again)
    index = again.config.index
    told = {"index": index, "outcome": "failed", "exit_code": code, "message": message}
    assert left(again) == (told, False)


@pytest.mark.usefixtures("after_a_success")
def test_what_does_not_hold_or_is_not_there_is_told(configured: Configured, tmp_path: Path) -> None:
    strict = ("verify.max_tied_share=0", "verify.tie_tolerance=2")  # all rows tie
    nothing = tmp_path / "nothing.jsonl"
    nothing.write_text('{"item_id": "a"}\n{"item_id": "b"}\n')
    for overrides, error, code in (
        (("embedder.engine.fake_dimension=32", *strict), ValidationError, 5),
        ((f"corpus.path={nothing}",), PartialFailure, 7),
        (("corpus.path=no-such-manifest.parquet",), ResourceMissingError, 4),
        (("milvus.uri=http://127.0.0.1:1",), PrerequisiteError, 3),
    ):
        loaded = configured(*overrides)
        with pytest.raises(error) as raised:
            run(loaded)
        results, page = left(loaded)
        assert (results["outcome"], results["exit_code"]) == ("failed", code)
        assert results["message"] == str(raised.value)
        assert "live" not in results
        assert not page


@pytest.mark.parametrize("left_behind", ["", '{"outcome": "ru', "[]"])
def test_results_that_were_cut_short_do_not_hide_the_error(
    configured: Configured, monkeypatch: pytest.MonkeyPatch, left_behind: str
) -> None:
    loaded = configured()
    file = Path(loaded.config.report_dir) / "results.json"

    def dies_after(*_: object) -> Iterator[None]:
        """A double of `run_phase`: the engine is dead, and what told of the run cut short."""
        file.write_text(left_behind)
        raise RuntimeFailure("workers died")

    monkeypatch.setattr(flow, "run_phase", dies_after)
    with pytest.raises(RuntimeFailure):
        run(loaded)
    results, _ = left(loaded)
    assert (results["outcome"], results["message"]) == ("failed", "workers died")


def test_a_file_that_cannot_be_written_whole_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    write_whole(file, "before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # as on a full disk
    try:
        with pytest.raises(OSError, match="File too large"):
            write_whole(file, "x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(file.name, "before")]


def test_too_many_rejected_rows_are_told_with_all_that_was_made(configured: Configured) -> None:
    loaded = configured("failure_budget=0.01")
    with pytest.raises(PartialFailure):
        run(loaded)
    results, _ = left(loaded)
    assert (results["outcome"], results["exit_code"]) == ("failed", 7)
    assert results["message"].startswith("2 of 41 rows rejected (4.9%)")
    assert results["rows"]["indexed"] == ROWS - 1
    assert not results["live"]
    page = (Path(loaded.config.report_dir) / "report.html").read_text()
    assert "2 of 41 rows rejected (4.9%)" in page
    assert "(exit code 7)" in page
    accepted, _ = run(configured())
    assert (accepted["outcome"], accepted["live"]) == ("done", True)


def test_a_dry_run_leaves_the_last_results_alone(
    after_a_success: Loaded[IndexConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = left(after_a_success)
    monkeypatch.setattr(job, "dry_run", lambda *_: None)  # it starts Ray
    run(after_a_success, dry_run=True)
    assert left(after_a_success) == before


def test_a_job_that_lacks_what_it_needs_makes_no_folder(configured: Configured) -> None:
    loaded = configured("corpus.path=no-such-manifest.parquet")
    with pytest.raises(ResourceMissingError):
        run(loaded)
    assert not Path(loaded.config.report_dir).exists()
