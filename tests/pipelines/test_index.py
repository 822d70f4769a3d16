"""The index job on a real local Ray, real files and a real Milvus: Lite, or the server."""

from pathlib import Path

import pytest
from PIL import Image

from tests.pipelines.conftest import ROWS, Configured, contents, run
from tests.pipelines.without_ray import leave_ray_out
from tte2_ray.artifacts.store import open_store
from tte2_ray.errors import ConfigError, PartialFailure, ResourceMissingError
from tte2_ray.milvus.catalog import ManifestCatalog
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.publish import Publisher, live_version
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.server import resolve


@pytest.fixture
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made again does not depend on who spreads it."""
    leave_ray_out(monkeypatch)


def test_every_row_is_indexed_or_rejected_and_a_rerun_does_nothing(configured: Configured) -> None:
    loaded = configured()
    first, said = run(loaded)
    assert first["rows"] == {"in": ROWS + 1, "indexed": ROWS - 1, "unchanged": 0, "rejected": 2}
    assert first["rejected_by_class"] == {"corrupt_media": 1, "duplicate_id": 1}
    assert first["live"], said

    milvus = resolve(loaded.config.milvus)
    assert Searcher(milvus).count(loaded.config.index) == ROWS - 1
    assert live_version(connect(milvus), milvus, loaded.config.index) == first["version"]

    page = (Path(loaded.config.report_dir) / "report.html").read_text()
    assert "data:image/jpeg;base64," in page
    assert "corrupt_media" in page

    again, said = run(loaded)
    assert "nothing to do" in said
    assert again["rows"]["unchanged"] == ROWS - 1
    assert again["phases"] == []
    assert again["version"] == first["version"]


@pytest.mark.at_length
def test_a_new_embedder_writes_no_token_again(configured: Configured) -> None:
    first, _ = run(configured())
    second, _ = run(configured("embedder.engine.fake_dimension=32"))
    assert first["tokens_this_run"]["reason_output"] > 0
    assert second["tokens_this_run"]["reason_output"] == 0
    assert second["version"] != first["version"]
    assert second["live"]


@pytest.mark.at_length
@pytest.mark.parametrize("check_files", ["true", "false"])
@pytest.mark.usefixtures("without_ray")
def test_mended_rows_are_redriven_and_good_ones_are_not(
    configured: Configured, corpus: Path, check_files: str
) -> None:
    loaded = configured(f"corpus.check_files={check_files}")
    with pytest.raises(ResourceMissingError, match="never finished"):
        run(loaded, redrive=True)
    first, _ = run(loaded)
    assert first["rows"]["rejected"] == 2

    Image.new("RGB", (64, 64), (1, 2, 3)).save(corpus.parent / "2.png")
    mended, _ = run(loaded, redrive=True)
    assert mended["rows"] == {"in": ROWS + 1, "indexed": ROWS, "unchanged": 0, "rejected": 1}
    assert mended["live"]
    assert mended["version"] != first["version"]
    reason = next(phase for phase in mended["phases"] if phase["name"] == "reason")
    assert reason["rows"] == 8, "only the shard with the mended row is touched"
    assert mended["tokens_this_run"]["reason_output"] == 8, "only the mended row is reasoned about"

    for again in ({}, {"redrive": True}):
        unchanged, said = run(loaded, **again)
        assert "nothing to do" in said
        assert unchanged["version"] == mended["version"]


@pytest.mark.at_length
@pytest.mark.usefixtures("without_ray")
def test_other_models_run_on_a_corpus_that_was_redriven(
    configured: Configured, corpus: Path
) -> None:
    run(configured())
    Image.new("RGB", (64, 64), (1, 2, 3)).save(corpus.parent / "2.png")
    mended, _ = run(configured(), redrive=True)
    embedder, _ = run(configured("embedder.engine.fake_dimension=32"))
    assert embedder["tokens_this_run"]["reason_output"] == 0
    assert embedder["rows"] == mended["rows"]
    reasoner, _ = run(configured("reasoner.instruction=look again"))
    assert reasoner["rows"] == mended["rows"]


@pytest.mark.at_length
@pytest.mark.usefixtures("without_ray")
def test_a_good_file_that_changed_before_a_redrive_is_run_again_too(
    configured: Configured, corpus: Path
) -> None:
    loaded = configured()
    run(loaded)
    before = contents(loaded)
    for n in (2, 20):
        Image.new("RGB", (64, 64), (1, 2, n)).save(corpus.parent / f"{n}.png")
    mended, _ = run(loaded, redrive=True)
    assert mended["tokens_this_run"]["reason_output"] == 2 * 8
    after = contents(loaded)
    changed = {item_id for item_id in after if after[item_id] != before.get(item_id)}
    assert changed == {"picture-2", "picture-20"}


@pytest.mark.at_length
def test_too_many_rejected_rows_leave_the_alias_alone(configured: Configured) -> None:
    loaded = configured("failure_budget=0.01")
    with pytest.raises(PartialFailure, match="2 of 41 rows rejected"):
        run(loaded)
    milvus = resolve(loaded.config.milvus)
    assert live_version(connect(milvus), milvus, loaded.config.index) == ""


@pytest.mark.at_length
def test_a_rerun_does_not_serve_what_exceeds_the_budget(configured: Configured) -> None:
    loaded = configured("failure_budget=0.01")
    for _ in range(2):
        with pytest.raises(PartialFailure, match="2 of 41 rows rejected"):
            run(loaded)
    milvus = resolve(loaded.config.milvus)
    assert live_version(connect(milvus), milvus, loaded.config.index) == ""
    accepted, _ = run(configured("failure_budget=0.1"))
    assert accepted["live"]
    assert accepted["phases"] == []
    with pytest.raises(PartialFailure, match="The version is live, as it was accepted before"):
        run(loaded)


def test_a_crash_before_the_alias_moved_is_mended_and_a_rollback_is_kept(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = run(configured())
    later = configured("embedder.engine.fake_dimension=32")
    with monkeypatch.context() as broken:
        broken.setattr(Publisher, "promote", _crash)  # a double: the driver dies at this point
        with pytest.raises(KeyboardInterrupt):
            run(later)
    mended, _ = run(later)
    assert mended["phases"] == []
    assert mended["live"]

    milvus = resolve(later.config.milvus)
    catalog = ManifestCatalog(open_store(later.config.store), later.config.index)
    publisher = Publisher(connect(milvus), milvus, later.config.index, catalog)
    assert publisher.rollback() == first["version"]
    again, _ = run(later)
    assert not again["live"], "a person rolled back: the same job run again must not undo it"
    assert publisher.live_version() == first["version"]


@pytest.mark.at_length
def test_a_collection_that_is_gone_is_loaded_again_from_the_store(configured: Configured) -> None:
    loaded = configured()
    first, _ = run(loaded)
    milvus = resolve(loaded.config.milvus)
    client = connect(milvus)
    client.drop_alias(loaded.config.index)
    client.drop_collection(first["collection"])
    again, _ = run(loaded)
    assert again["live"]
    assert again["tokens_this_run"] == {"reason_prompt": 0, "reason_output": 0, "embed_prompt": 0}
    assert Searcher(milvus).count(loaded.config.index) == ROWS - 1


def _crash(*_: object) -> str:
    raise KeyboardInterrupt


def test_what_is_missing_is_said_before_anything_is_written(
    configured: Configured, tmp_path: Path
) -> None:
    with pytest.raises(ResourceMissingError, match="no-such-manifest"):
        run(configured(f"corpus.path={tmp_path / 'no-such-manifest.parquet'}"))
    with pytest.raises(ConfigError, match=r"corpus\.path"):
        run(configured("corpus.path="))
    assert [key for key, _ in open_store(configured().config.store).list()] == []
