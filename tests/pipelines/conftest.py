"""A small corpus of real files and a configuration on fake engines: models are tested elsewhere."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tte2_ray.config import Loaded, load_config
from tte2_ray.milvus.server import stop_server
from tte2_ray.pipelines.index.cluster import cluster
from tte2_ray.pipelines.index.config import IndexConfig, RayConfig

ROWS = 40


@pytest.fixture(scope="session", autouse=True)
def ray_cluster() -> Iterator[None]:
    """One local Ray for all pipeline tests: a start takes seconds."""
    with cluster(RayConfig()):
        yield


@pytest.fixture(scope="session")
def milvus_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One embedded server for all pipeline tests."""
    folder = tmp_path_factory.mktemp("milvus")
    yield folder
    stop_server(folder)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Pictures and texts; one picture is cut short, one id comes twice."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    rows = []
    for n in range(ROWS):
        if n % 2:
            rows.append({"item_id": f"text-{n}", "text": f"a note about {n}"})
            continue
        Image.new("RGB", (64, 64), (n * 5, 100, 200 - n)).save(folder / f"{n}.png")
        rows.append({"item_id": f"picture-{n}", "image_uri": f"{n}.png"})
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:60])
    rows.append(rows[0])
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return manifest


@pytest.fixture
def configured(tmp_path: Path, corpus: Path, milvus_dir: Path, request: pytest.FixtureRequest):
    """Loads a configuration for an index of this test's own; takes overrides."""
    name = "t_" + "".join(c for c in request.node.name if c.isalnum())[:40]

    def load(*overrides: str) -> Loaded[IndexConfig]:
        given = [
            f"index={name}",
            f"store={tmp_path / 'store'}",
            f"corpus.path={corpus}",
            "corpus.rows_per_shard=8",
            f"milvus.data_dir={milvus_dir}",
            f"report_dir={tmp_path / 'report'}",
            "reasoner.engine.kind=fake",
            "embedder.engine.kind=fake",
            "failure_budget=0.1",
        ]
        return load_config(IndexConfig, [], [*given, *overrides])

    return load
