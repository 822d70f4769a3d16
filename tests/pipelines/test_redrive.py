"""What --redrive can run again, and what it says of what it cannot: stores alone, no Ray."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.media import files
from tte2_ray.artifacts.corpus import read_corpus
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.manifest import IndexManifest, write_manifest
from tte2_ray.artifacts.markers import mark_done, marker_key
from tte2_ray.artifacts.shards import Plan
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.errors import ResourceMissingError
from tte2_ray.pipelines.index.redrive import redriven


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A text, and a PDF that nobody can open: it is rejected while the corpus is read."""
    made = tmp_path / "corpus"
    made.mkdir()
    (made / "a.txt").write_text("words")
    (made / "locked.pdf").write_bytes(files.pdf(password="secret"))
    return made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Where plans and versions lie."""
    return open_store(str(tmp_path / "store"))


def target_of(plan: Plan) -> Any:
    """A double of a target: what of it redrive asks for, named by the plan alone."""
    version = f"v{plan.corpus_digest}"
    return SimpleNamespace(index="films", version=version, load_prefix=f"films/{version}/load")


def planned(folder: Path, store: Store) -> Plan:
    return freeze_plan(store, "corpora/c", read_corpus(str(folder)), 4)


def finish(plan: Plan, store: Store) -> None:
    """Writes what a job that ran to its end leaves: markers of all shards, and the manifest."""
    target = target_of(plan)
    for shard in plan.shards:
        stats = {"rows": shard.rows, "done": shard.rows, "rejected": 0}
        mark_done(store, marker_key(target.load_prefix, shard), stats)
    manifest = IndexManifest(index=target.index, version=target.version, collection="c",
                             ecr_fingerprint="e", embedding_fingerprint="f",
                             corpus=plan.prefix, corpus_digest=plan.corpus_digest,
                             rows_in=plan.rows_in, indexed=plan.rows, unchanged=0,
                             rejected=plan.rejected, status="verified",
                             created_at="2026-01-01T00:00:00Z")  # fmt: skip
    write_manifest(store, manifest)


def redrive(plan: Plan, store: Store) -> str:
    with pytest.raises(ResourceMissingError) as raised:
        redriven(plan, store, store, target_of)
    return str(raised.value)


def test_a_file_that_could_not_be_read_and_was_mended_needs_a_plan_anew(
    folder: Path, store: Store
) -> None:
    before = planned(folder, store)
    assert (before.rows, before.rejected) == (1, 1)
    finish(before, store)
    (folder / "locked.pdf").write_bytes(files.pdf(2))
    now = planned(folder, store)
    assert (now.rows, now.rejected) == (3, 0)
    said = redrive(now, store)
    assert f"other rows than version v{before.corpus_digest} of films" in said
    assert "Run the same command without --redrive: it plans anew" in said


def test_a_file_that_still_cannot_be_read_is_not_run_again(folder: Path, store: Store) -> None:
    plan = planned(folder, store)
    finish(plan, store)
    said = redrive(plan, store)
    assert "nothing to run again" in said
    assert "1 rows of the corpus were rejected while it was read" in said
    assert "run the same command without --redrive, which plans anew" in said


def test_without_any_finished_version_the_job_comes_first(folder: Path, store: Store) -> None:
    said = redrive(planned(folder, store), store)
    assert "was never finished" in said
    assert "run the job without --redrive first" in said


def test_where_everything_came_through_there_is_nothing_to_mend(folder: Path, store: Store) -> None:
    (folder / "locked.pdf").unlink()
    plan = planned(folder, store)
    finish(plan, store)
    assert redrive(plan, store).endswith("rejected no item")
