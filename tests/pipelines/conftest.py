"""A small corpus of real files and a configuration on fake engines: models are tested elsewhere."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.pipelines.refusing import Refuse
from tte2_ray.config import Loaded, Options, load_config
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.server import resolve, stop_server
from tte2_ray.pipelines.cluster import cluster
from tte2_ray.pipelines.config import RayConfig
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.job import index_corpus

ROWS = 40
CONF = Path(__file__).parent.parent.parent / "conf" / "index_corpus.yaml"
Configured = Callable[..., Loaded[IndexConfig]]


def run(loaded: Loaded[IndexConfig], **options: bool) -> tuple[dict[str, Any], str]:
    """Runs the job; what it wrote to results.json, and what it printed."""
    out = io.StringIO()
    index_corpus(loaded, Options(**options), out)
    results = Path(loaded.config.report_dir) / "results.json"
    return json.loads(results.read_text()), out.getvalue()


def contents(loaded: Loaded[IndexConfig]) -> dict[str, Any]:
    """Vectors and ECRs of the live version of an index, by item id."""
    searcher = Searcher(resolve(loaded.config.milvus))
    name = loaded.config.index
    ids = searcher.page(name, offset=0, limit=200)
    return searcher.fetch(name, ids, output_fields=["vector", "ecr", "embedding_key"])


@pytest.fixture(scope="session", autouse=True)
def user_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Rates and digests that runs remember stay with the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """One local Ray for all pipeline tests: a start takes seconds."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_metrics_report_interval_ms", "1000")  # ten seconds are long here
        # Ray's workers give way to everything else (15), and here other tests run beside them.
        environment.setenv("RAY_worker_niceness", "0")
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
def configured(
    tmp_path: Path,
    corpus: Path,
    milvus_dir: Path,
    milvus_uri: str,
    ray_cluster: None,
    request: pytest.FixtureRequest,
) -> Configured:
    """Loads a configuration for an index of this test's own; takes overrides.

    With `conf` it starts from the file of the job, else from the defaults of the code.
    """
    name = "t_" + "".join(c for c in request.node.name if c.isalnum())[:40]

    def load(*overrides: str, conf: bool = False) -> Loaded[IndexConfig]:
        given = [
            f"index={name}",
            f"store={tmp_path / 'store'}",
            f"corpus.path={corpus}",
            "corpus.rows_per_shard=8",
            f"milvus.data_dir={milvus_dir}",
            f"milvus.uri={milvus_uri}",
            f"report_dir={tmp_path / 'report'}",
            "reasoner.engine.kind=fake",
            "embedder.engine.kind=fake",
            "failure_budget=0.1",
        ]
        files = [CONF] if conf else []
        return load_config(IndexConfig, files, [*given, *overrides])

    return load


@pytest.fixture
def given(tmp_path: Path) -> list[str]:
    """A configuration in which all is well, on carried models."""
    manifest = tmp_path / "corpus" / "rows.jsonl"
    manifest.parent.mkdir()
    manifest.write_text(json.dumps({"item_id": "a", "text": "a note"}) + "\n")
    return [
        "index=preflight",
        f"corpus.path={manifest}",
        f"store={tmp_path / 'store'}",
        f"report_dir={tmp_path / 'report'}",
        f"milvus.data_dir={tmp_path / 'milvus'}",
        "milvus.connect_timeout_s=2",
    ]


@pytest.fixture
def refuse(given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refuse:
    return Refuse(given, tmp_path, capsys)
