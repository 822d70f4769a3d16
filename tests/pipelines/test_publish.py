"""What is verified before a version is served: rows that were loaded, and only those."""

import json
from pathlib import Path

import pytest

from tests.pipelines.conftest import Configured, run
from tests.pipelines.without_ray import leave_ray_out
from tte2_ray.artifacts.corpus.metadata import MAX_METADATA_BYTES
from tte2_ray.artifacts.store import open_store
from tte2_ray.pipelines.index.plan import plan_job
from tte2_ray.pipelines.index.publish import sample_vectors


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray: in the place of the fixture that starts it."""
    leave_ray_out(monkeypatch)


@pytest.fixture
def priced(tmp_path: Path) -> Path:
    """40 notes with a price; that of two is as long as a corpus may have it, and longer than Milvus
    stores, which shows when they are loaded."""
    longest = "9" * (MAX_METADATA_BYTES - len(json.dumps({"price": ""})))
    rows = [
        {"item_id": f"n{n}", "text": f"a note about {n}",
         "metadata": {"price": longest if n in (0, 20) else n}}
        for n in range(40)
    ]  # fmt: skip
    manifest = tmp_path / "priced" / "rows.jsonl"
    manifest.parent.mkdir()
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return manifest


def test_rows_that_loading_rejected_are_not_searched_for(
    configured: Configured, priced: Path
) -> None:
    loaded = configured(f"corpus.path={priced}", "milvus.metadata_fields=[price]")
    results, said = run(loaded)
    assert results["rows"] == {"in": 40, "indexed": 38, "unchanged": 0, "rejected": 2}
    assert results["rejected_by_class"] == {"too_large": 2}
    assert results["checks"]["sampled_rows"] == 38
    assert results["checks"]["self_recall"] == 1.0
    assert results["live"], said


def test_a_sample_is_made_up_from_the_rows_that_are_left(
    configured: Configured, priced: Path
) -> None:
    loaded = configured(f"corpus.path={priced}", "milvus.metadata_fields=[price]")
    run(loaded)
    store = open_store(loaded.config.store)
    job = plan_job(loaded.config, store, store, again=False)
    sample = sample_vectors(job.plan, store, job.target, 5)
    assert list(sample) == ["n1", "n8", "n16", "n24", "n32"]
