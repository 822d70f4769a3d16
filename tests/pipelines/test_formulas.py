"""Formulas of the page are held to what the job does: requests on an S3 server, bytes of files."""

import io
import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import numpy as np
import pyarrow as pa
import pytest
from botocore.client import BaseClient
from moto.server import ThreadedMotoServer
from PIL import Image

from tests.pipelines.without_ray import in_process, leave_ray_out
from tte2_ray.artifacts.shards import Plan, Shard, shard_key, write_plan
from tte2_ray.artifacts.store import open_store
from tte2_ray.artifacts.tables import write_table
from tte2_ray.config import Loaded, Options, load_config
from tte2_ray.milvus.server import stop_server
from tte2_ray.pipelines import flow
from tte2_ray.pipelines.index import formulas, job
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.schema import ecr_schema, vector_schema

BUCKET = "formulas"
FEW, MANY, SHARD = 4, 12, 2
Requests = Counter[tuple[str, str]]
"""How often each operation was asked for, by what lies under the key."""


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Requests]:
    """A moto server, and the requests that it was sent."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    botocore.session.Session().create_client("s3").create_bucket(Bucket=BUCKET)
    asked: Requests = Counter()
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def counted(self: Any, operation: str, given: dict[str, Any]) -> Any:
        asked[operation, _kind(given.get("Key", ""))] += 1
        return call(self, operation, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    yield asked
    server.stop()


def _kind(key: str) -> str:
    """Of what belongs to a shard; "" of everything else, which a job has a few of."""
    if "/media/" in f"/{key}":
        return "media"
    return next((kind for kind in ("rows/", "ecr/", "vectors/", "load/shard") if kind in key), "")


def _job(folder: Path, shards: int) -> Loaded[IndexConfig]:
    """A job over pictures in S3, which samples next to nothing of its shards."""
    client = botocore.session.Session().create_client("s3")
    rows = []
    for n in range(shards * SHARD):
        picture = io.BytesIO()
        Image.new("RGB", (64, 64), (n * 7, 40, 90)).save(picture, "PNG")
        client.put_object(Bucket=BUCKET, Key=f"media/{n}.png", Body=picture.getvalue())
        rows.append({"item_id": f"{n}", "image_uri": f"s3://{BUCKET}/media/{n}.png"})
    manifest = folder / f"{shards}.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = [f"index=f{shards}", f"corpus.path={manifest}", f"corpus.rows_per_shard={SHARD}",
             f"store=s3://{BUCKET}/{shards}", f"milvus.data_dir={folder / 'milvus'}",
             f"report_dir={folder / 'report'}", "reasoner.engine.kind=fake",
             "embedder.engine.kind=fake", "estimate.sample_rows=1"]  # fmt: skip
    return load_config(IndexConfig, [], given)


class _Counted:
    """Counts what a part of the job asks for, apart from the rest: samples ask for the same."""

    def __init__(self, part: Callable[..., Any], asked: Requests) -> None:
        self._part, self._asked, self.counted = part, asked, Requests()

    def __call__(self, *given: Any) -> Any:
        before = self._asked.copy()
        done = self._part(*given)
        self.counted += self._asked - before
        return done


def _asked_for(s3: Requests, folder: Path, shards: int, patch: pytest.MonkeyPatch) -> Requests:
    """What a first run over so many shards asks for while it plans, works and accounts for rows.

    Not what estimates, verification and the report ask for: they read a few shards, however many
    there are.
    """
    loaded = _job(folder, shards)
    s3.clear()
    parts = [(job, "plan_job", _Counted(job.plan_job, s3)),
             (flow, "run_phase", _Counted(in_process, s3)),
             (job, "account_for", _Counted(job.account_for, s3))]  # fmt: skip
    with patch.context() as counting:
        for module, name, counted in parts:
            counting.setattr(module, name, counted)
        job.index_corpus(loaded, Options(), io.StringIO())
    return sum((counted.counted for _, _, counted in parts), Requests())


def test_requests_and_objects_of_a_shard_are_those_of_the_formulas(
    s3: Requests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    leave_ray_out(monkeypatch)
    try:
        few, many = (_asked_for(s3, tmp_path, n, monkeypatch) for n in (FEW, MANY))
    finally:
        stop_server(tmp_path / "milvus")
    more = {each: (many[each] - few[each]) / (MANY - FEW) for each in many}

    def a_shard(operation: str) -> float:
        return sum(n for (name, kind), n in more.items() if name == operation and kind != "media")

    assert a_shard("PutObject") == formulas.OBJECTS_A_SHARD
    assert a_shard("HeadObject") == formulas.HEADS_A_SHARD
    assert a_shard("GetObject") == formulas.shard_gets(1, 1, 1)
    assert more["GetObject", "media"] == formulas.MEDIA_GETS * SHARD
    assert more["HeadObject", "media"] == SHARD, "while planning"


def test_tables_are_as_large_as_foreseen(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    rows, tokens, dimension = 128, 300, 256
    letters = np.random.default_rng(0)
    words = (Path(__file__).parents[2] / "docs" / "operations.md").read_text().split()
    texts = [" ".join(letters.choice(words, tokens))[: round(formulas.ecr_bytes(tokens))]
             for _ in range(rows)]  # fmt: skip

    def table(schema: pa.Schema, **columns: Any) -> int:
        blank = {name: [_BLANK[str(schema.field(name).type)]] * rows for name in schema.names
                 if name not in columns}  # fmt: skip
        made = pa.Table.from_pydict({**blank, **columns}, schema)
        write_table(store, "t.parquet", made)
        found = store.stat("t.parquet")
        store.delete("t.parquet")
        assert found is not None
        return found.size

    keys = {name: [secrets.token_hex(32) for _ in range(rows)]
            for name in ("content_key", "ecr_key", "embedding_key")}  # fmt: skip
    ids = [f"row-{n:09d}" for n in range(rows)]
    ecrs = table(ecr_schema(), item_id=ids, ecr=texts, content_key=keys["content_key"],
                 ecr_key=keys["ecr_key"])  # fmt: skip
    floats = letters.normal(size=(rows, dimension)).astype(np.float32)
    vectors = table(vector_schema(dimension), item_id=ids, vector=list(floats),
                    embedding_key=keys["embedding_key"], ecr_key=keys["ecr_key"])  # fmt: skip
    assert formulas.ecr_table_bytes(rows, tokens) == pytest.approx(ecrs, rel=0.3)
    assert formulas.vector_table_bytes(rows, dimension) == pytest.approx(vectors, rel=0.15)


_BLANK = {"string": "", "int32": 0, "int64": 0, "bool": False}


def test_a_plan_is_as_large_as_foreseen(tmp_path: Path) -> None:
    store, count = open_store(str(tmp_path)), 1000
    names = [secrets.token_hex(16) for _ in range(count)]
    shards = tuple(Shard(name=n, key=shard_key("c", n), rows=128, rejected=0) for n in names)
    plan = Plan(prefix="c", corpus_digest="d", rows_digest="r", rows_per_shard=128, rejected=0,
                shards=shards, dead_letters=())  # fmt: skip
    write_plan(store, plan)
    found = store.stat("c/d/plan.json")
    assert found is not None
    assert formulas.plan_bytes(count, 128) == pytest.approx(found.size, rel=0.02)
