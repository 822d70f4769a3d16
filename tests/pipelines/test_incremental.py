"""An index follows its corpus: models work on what is new or changed, and on nothing else.

Ray is left out: what it adds is in `test_index.py`.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.pipelines.conftest import ROWS, Configured, contents, run
from tests.pipelines.test_versions import publisher_of
from tests.pipelines.without_ray import leave_ray_out
from tte2_ray.artifacts.store import open_store
from tte2_ray.config import Options
from tte2_ray.errors import PartialFailure, ResourceMissingError, ValidationError
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.publish import live_version
from tte2_ray.milvus.server import resolve
from tte2_ray.pipelines.index.job import index_corpus

INCREMENTAL = "mode=incremental"
CHANGES = "corpus.listing=changes"
ECR_TOKENS = 8
"""That the fake reasoner writes for an item."""

Row = dict[str, Any]


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray: in the place of the fixture that starts it."""
    leave_ray_out(monkeypatch)


@pytest.fixture
def write(corpus: Path) -> Callable[..., list[Row]]:
    """Writes the manifest, and tells its rows."""

    def write(rows: list[Row]) -> list[Row]:
        corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return rows

    return write


@pytest.fixture
def rows(corpus: Path) -> list[Row]:
    """Of the manifest as it stands first."""
    return [json.loads(line) for line in corpus.read_text().splitlines()]


def written(results: Row) -> int:
    """Items that the reasoner wrote about."""
    return int(results["tokens_this_run"]["reason_output"]) // ECR_TOKENS


def foreseen(results: Row) -> dict[str, int]:
    """Rows that each phase was to have, before the run."""
    return {phase["name"]: phase["rows"] for phase in results["estimate"]["phases"]}


def require_as_anew(configured: Configured, tmp_path: Path) -> None:
    """The live index is what a job makes that has never seen another state of the corpus."""
    anew = configured(f"store={tmp_path / 'anew'}", f"index={configured().config.index}_anew")
    run(anew)
    assert contents(anew) == contents(configured())


def test_new_changed_and_deleted_rows_alone_cost_tokens(
    configured: Configured, write: Any, rows: list[Row], corpus: Path, tmp_path: Path
) -> None:
    run(configured(INCREMENTAL))  # the first run has nothing to compare with
    rows = [row for row in rows if row["item_id"] not in ("text-5", "picture-8")]
    rows[2] = {"item_id": rows[2]["item_id"], "text": "other words"}
    rows += [{"item_id": f"new-{n}", "text": f"new {n}"} for n in range(10)]
    Image.new("RGB", (64, 64), (1, 2, 3)).save(corpus.parent / "12.png")
    write(rows)
    results, said = run(configured(INCREMENTAL))
    assert "change 10 new · 2 changed · 2 deleted · 36 as before · 2 shards touched" in said
    assert results["changes"]["new"] == 10
    # A bad file in a shard that is written anew is tried again, as with --redrive; it has no ECR.
    assert written(results) == 12
    assert foreseen(results) == {"reason": 12, "embed": 12, "load": ROWS + 8}
    assert " · 12 rows, " in said
    assert results["rows"] == {"in": ROWS + 9, "indexed": ROWS + 8, "unchanged": 0, "rejected": 1}
    require_as_anew(configured, tmp_path)


@pytest.mark.at_length
def test_a_second_run_over_the_same_listing_has_nothing_to_do(configured: Configured) -> None:
    first, _ = run(configured(INCREMENTAL))
    again, said = run(configured(INCREMENTAL))
    assert "nothing to do" in said
    assert again["version"] == first["version"]
    assert again["changes"] | {"new": 0, "changed": 0, "deleted": 0} == again["changes"]


@pytest.mark.at_length
def test_changes_alone_are_listed_with_tombstones(
    configured: Configured, write: Any, rows: list[Row], tmp_path: Path
) -> None:
    first, _ = run(configured())
    write([
        {"item_id": "text-5", "deleted": True},
        {"item_id": "text-7", "text": "other words"},
        {"item_id": "new", "text": "new"},
        {"item_id": "nobody", "deleted": True},
    ])  # fmt: skip
    given = configured(INCREMENTAL, CHANGES)
    results, said = run(given)
    assert "1 new · 1 changed · 1 deleted · 38 as before · 1 deleted that are not there" in said
    assert written(results) == 2
    assert results["live"]
    again, said = run(given)
    assert "nothing to do" in said, "the same changes once more"
    assert again["version"] == results["version"] != first["version"]

    rows = [row | {"text": "other words"} if row["item_id"] == "text-7" else row for row in rows]
    write([r for r in rows if r["item_id"] != "text-5"] + [{"item_id": "new", "text": "new"}])
    require_as_anew(configured, tmp_path)


def test_it_is_reversed_as_any_version(configured: Configured, write: Any, rows: list[Row]) -> None:
    first, _ = run(configured())
    before = contents(configured())
    write(rows[:-10])
    second, _ = run(configured(INCREMENTAL))
    publisher = publisher_of(configured())
    assert publisher.live_version() == second["version"]
    assert publisher.rollback() == first["version"]
    assert contents(configured()) == before


@pytest.mark.at_length
def test_what_does_not_hold_is_not_served_and_the_base_stays(
    configured: Configured, write: Any, rows: list[Row]
) -> None:
    first, _ = run(configured())
    write([{"item_id": "new", "text": "new"}])
    strict = (INCREMENTAL, CHANGES, "verify.max_tied_share=0", "verify.tie_tolerance=2")
    with pytest.raises(ValidationError, match="vector of another"):
        run(configured(*strict))
    milvus = resolve(configured().config.milvus)
    assert live_version(connect(milvus), milvus, first["index"]) == first["version"]
    results, said = run(configured(INCREMENTAL, CHANGES))
    assert "1 new" in said, "what was not verified is not what the next run starts from"
    assert written(results) == 0, "but its ECR is not written again"
    assert results["live"]


@pytest.mark.at_length
def test_changes_of_a_version_that_milvus_lost_are_not_lost(
    configured: Configured, write: Any, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = run(configured())
    write([{"item_id": "one", "text": "one"}])
    given = configured(INCREMENTAL, CHANGES)
    second, _ = run(given)
    client = connect(resolve(configured().config.milvus))
    client.drop_alias(first["index"])
    for lost in (first, second):
        client.drop_collection(lost["collection"])
    with monkeypatch.context() as broken:
        broken.setattr("tte2_ray.pipelines.index.job.publish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(given)
    write([{"item_id": "two", "text": "two"}])
    third, _ = run(given)
    assert {"one", "two"} <= set(contents(configured()))
    assert third["rows"]["indexed"] == second["rows"]["indexed"] + second["rows"]["unchanged"] + 1


@pytest.mark.at_length
def test_a_base_can_be_named(configured: Configured, write: Any, rows: list[Row]) -> None:
    first, _ = run(configured())
    write([{"item_id": "one", "text": "one"}])
    run(configured(INCREMENTAL, CHANGES))
    write([{"item_id": "two", "text": "two"}])
    run(configured(INCREMENTAL, CHANGES, f"corpus.base={first['version']}"))
    found = set(contents(configured()))
    assert "two" in found
    assert "one" not in found


def test_changes_of_nothing_are_refused(configured: Configured) -> None:
    with pytest.raises(ResourceMissingError, match="index its full listing first"):
        run(configured(INCREMENTAL, CHANGES))


@pytest.mark.at_length
def test_a_listing_that_deletes_everything_is_refused(
    configured: Configured, write: Any, rows: list[Row]
) -> None:
    run(configured())
    write([{"item_id": row["item_id"], "deleted": True} for row in rows[:-1]])
    with pytest.raises(PartialFailure, match="the listing deletes every item"):
        run(configured(INCREMENTAL, CHANGES))


@pytest.mark.at_length
def test_a_tombstone_in_a_whole_listing_is_a_bad_row(
    configured: Configured, write: Any, rows: list[Row]
) -> None:
    write([*rows, {"item_id": "x", "deleted": True}, {"item_id": "y", "deleted": "yes"}])
    results, _ = run(configured("failure_budget=0.2"))
    assert results["rejected_by_class"]["malformed_row"] == 2


@pytest.mark.at_length
def test_another_model_is_foreseen_to_do_what_it_has_never_seen(
    configured: Configured, write: Any, rows: list[Row]
) -> None:
    run(configured(INCREMENTAL))
    write(rows[:-3])
    results, _ = run(configured(INCREMENTAL, "embedder.instruction=another"))
    found = foreseen(results)
    assert found["reason"] < found["embed"] == found["load"]


@pytest.mark.at_length
def test_a_dry_run_tells_the_changes_and_writes_nothing(
    configured: Configured, write: Any, rows: list[Row]
) -> None:
    loaded = configured(INCREMENTAL)
    run(loaded)
    store = open_store(loaded.config.store)
    before = {key: store.stat(key) for key, _ in store.list()}
    write(rows[:-3])
    out = io.StringIO()
    index_corpus(loaded, Options(dry_run=True), out)
    assert "change 0 new · 0 changed · 2 deleted" in out.getvalue()
    assert {key: store.stat(key) for key, _ in store.list()} == before
