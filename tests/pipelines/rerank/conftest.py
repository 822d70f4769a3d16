"""A small index on fake engines, and logs over it; Ray is left out, Milvus and store are real."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.pipelines.without_ray import in_process
from tte2_ray.artifacts.dead_letters import read_dead_letters
from tte2_ray.artifacts.store import open_store
from tte2_ray.config import Loaded, Options, load_config
from tte2_ray.milvus.server import stop_server
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.job import index_corpus
from tte2_ray.pipelines.rerank.config import RerankConfig
from tte2_ray.pipelines.rerank.job import rerank_log

ITEMS = 12
INDEX = "films"
"""Every module makes an index of this name of its own, on a server of its own."""
FAKE = ("reasoner.engine.kind=fake", "embedder.engine.kind=fake")
FAKES = (*FAKE, "judge.engine.kind=fake", "rewriter.engine.kind=fake")
NARROW = ("cascade.retrieve=6", "cascade.judge=4", "cascade.rewrite=2",
          "cascade.rewrite_sees_media=false")  # fmt: skip
ONE_SHARD = "log.queries_per_shard=1000000"
"""Where a shard ends, hashes of its queries say: never in some queries, with so many asked for."""
Configured = Callable[..., Loaded[RerankConfig]]


@pytest.fixture(scope="module", autouse=True)
def without_ray() -> Iterator[None]:
    """No Ray is started or asked; stages work in this process."""
    from contextlib import nullcontext

    from tte2_ray.pipelines import flow, nodes
    from tte2_ray.pipelines.index import job as indexing
    from tte2_ray.pipelines.rerank import job as reranking

    with pytest.MonkeyPatch.context() as patch:
        for each in (indexing, reranking):
            patch.setattr(each, "cluster", lambda _: nullcontext(False))
        patch.setattr(nodes, "require_cluster", lambda *_, **__: None)
        patch.setattr(flow, "run_phase", in_process)
        yield


class Made:
    """An index, and what its jobs are told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shared = [f"index={INDEX}", f"store={folder / 'store'}",
                       f"milvus.data_dir={folder / 'milvus'}"]  # fmt: skip

    def index(self, *overrides: str) -> dict[str, Any]:
        """Runs the index job; what results.json says."""
        given = [*self.shared, f"corpus.path={self.folder / 'corpus' / 'items.jsonl'}",
                 "corpus.rows_per_shard=5", f"report_dir={self.folder / 'index'}",
                 *FAKE]  # fmt: skip
        index_corpus(load_config(IndexConfig, [], [*given, *overrides]), Options(), io.StringIO())
        found: dict[str, Any] = json.loads((self.folder / "index" / "results.json").read_text())
        return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Pictures and texts, indexed."""
    folder = tmp_path_factory.mktemp("rerank")
    corpus = folder / "corpus"
    corpus.mkdir()
    rows = []
    for n in range(ITEMS):
        row = {"item_id": f"i{n}", "text": f"a note about {n}"}
        if n % 3 == 0:
            Image.new("RGB", (64, 64), (n * 5, 100, 200 - n)).save(corpus / f"{n}.png")
            row["image_uri"] = f"{n}.png"
        rows.append(row)
    (corpus / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = Made(folder)
    found.index()
    yield found
    stop_server(folder / "milvus")


@pytest.fixture
def configured(made: Made, tmp_path: Path, request: pytest.FixtureRequest) -> Configured:
    """Loads a configuration for a log of this test's own; takes its rows and overrides."""
    name = "".join(c for c in request.node.name if c.isalnum())

    def load(rows: list[dict[str, Any]] | None, *overrides: str) -> Loaded[RerankConfig]:
        log = tmp_path / "log.jsonl"
        if rows is not None:
            log.write_text("".join(json.dumps(row) + "\n" for row in rows))
        given = [*made.shared, f"log.path={log}", f"log.name={name}", "log.queries_per_shard=4",
                 f"report_dir={tmp_path / 'report'}", *FAKES]  # fmt: skip
        return load_config(RerankConfig, [], [*given, *overrides])

    return load


class Left:
    """What a run left in its folder and in the store."""

    def __init__(self, loaded: Loaded[RerankConfig], said: str) -> None:
        self.said, self._folder = said, Path(loaded.config.report_dir)
        self.results: dict[str, Any] = json.loads((self._folder / "results.json").read_text())

    def table(self, name: str) -> list[dict[str, Any]]:
        """Rows of a table."""
        rows: list[dict[str, Any]] = pq.read_table(self._folder / f"{name}.parquet").to_pylist()
        return rows

    def run(self) -> dict[str, list[str]]:
        """The order of each query."""
        orders: dict[str, list[str]] = {}
        for line in (self._folder / "run.trec").read_text().splitlines():
            query_id, _, item_id, *_ = line.split()
            orders.setdefault(query_id, []).append(item_id)
        return orders

    def page(self) -> str:
        """report.html."""
        return (self._folder / "report.html").read_text()


def run(loaded: Loaded[RerankConfig], **options: bool) -> Left:
    """Runs the job."""
    out = io.StringIO()
    rerank_log(loaded, Options(**options), out)
    return Left(loaded, out.getvalue())


def questions(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"query_id": f"q{n}", "text": f"note about {n}", **more} for n in range(count)]


def letters(left: Left, store: str) -> dict[str, tuple[str, str]]:
    """Class and message of the dead letters of a run, by query."""
    opened = open_store(store)
    keys = [key for folder in left.results["dead_letters"] for key, _ in opened.list(folder)]
    found = read_dead_letters(opened, keys)
    return {letter.item_id: (letter.error_class, letter.message) for letter in found}
