"""--dry-run on a real local Ray, with fake engines: it says much and writes nothing."""

import io
from pathlib import Path

from tests.pipelines.conftest import ROWS, Configured, run
from tte2_ray.config import Options
from tte2_ray.pipelines.index.job import index_corpus


def test_it_measures_a_sample_and_writes_nothing(configured: Configured, tmp_path: Path) -> None:
    out = io.StringIO()
    loaded = configured(
        "reasoner.engine.fake_delay_s=0.1", "estimate.sample_rows=16",
        "estimate.usd_per_cpu_hour=360",
    )  # fmt: skip
    index_corpus(loaded, Options(dry_run=True), out)
    said = out.getvalue()
    assert f"{ROWS + 1} rows in 5 shards" in said
    assert "sample of 16 rows" in said
    assert "(measured over" in said
    assert "total  ≈" in said
    assert "$360 a CPU an hour" in said
    assert "$0.00" not in said, "at this price a tenth of a second costs a cent"
    assert not (tmp_path / "store").exists()
    assert not (tmp_path / "report").exists()


def test_of_a_finished_index_it_says_so(configured: Configured) -> None:
    loaded = configured()
    run(loaded)
    out = io.StringIO()
    index_corpus(loaded, Options(dry_run=True), out)
    assert "rows to do: reason 0 · embed 0 · load 0" in out.getvalue()
    assert "nothing to do" in out.getvalue()
