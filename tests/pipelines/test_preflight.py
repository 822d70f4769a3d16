"""What is wrong or missing is said in one line, with its exit code, before Ray starts.

The command is run as its entry point runs it, but in this process; one test runs it for real.
"""

import json
import subprocess
import sys
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import botocore.session
import pytest
from moto.server import ThreadedMotoServer

from tte2_ray.config import main
from tte2_ray.errors import PrerequisiteError
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.job import index_corpus
from tte2_ray.pipelines.index.preflight import require_cluster

ROOT = Path(__file__).parent.parent.parent
BUCKET = "preflight"


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
def refuse(given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> "Refuse":
    return Refuse(given, tmp_path, capsys)


class Refuse:
    """Runs the job, which is to end in one line and leave nothing behind."""

    def __init__(self, given: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._given, self._folder, self._capsys = given, folder, capsys

    def __call__(self, exit_code: int, *overrides: str) -> str:
        argv = [*self._given, *overrides]
        default = ROOT / "conf" / "index_corpus.yaml"
        found = main(IndexConfig, index_corpus, description="", default=default, argv=argv)
        said = self._capsys.readouterr()
        assert said.err.startswith("error: "), said.err
        assert said.err.count("\n") == 1, "one line"
        assert found == exit_code, said.err
        assert "ray" not in said.out
        written = [p for p in self._folder.rglob("*") if p.is_file() and "corpus" not in p.parts]
        assert not written, "nothing half-written"
        return said.err


@pytest.mark.parametrize(
    ("override", "exit_code", "message"),
    [
        ("reasoner.sampling.max_token=3", 2, "did you mean 'reasoner.sampling.max_tokens'"),
        ("failure_budget=2", 2, "failure_budget is 2.0"),
        ("estimate.sample_rows=0", 2, "estimate.sample_rows"),
        ("index=1st", 2, "an index starts with a letter"),
        ("corpus.path=", 2, "corpus.path is empty"),
        ("corpus.path=/nowhere/rows.parquet", 4, "/nowhere/rows.parquet"),
        ("reasoner.engine.model=/nowhere/model", 4, "model folder /nowhere/model"),
        (
            "embedder.engine.model=mini:nobody",
            4,
            "it has mini:direct, mini:embedder, mini:reasoner",
        ),
        ("milvus.uri=http://127.0.0.1:1", 3, "Start the server or correct milvus.uri"),
        ("milvus.uri=somewhere:19530", 2, "milvus.uri"),
        ("store=/proc/nowhere", 3, "choose a writable folder"),
        ("store=gs://bucket/x", 2, "s3://bucket/prefix"),
        ("report_dir=/proc/nowhere", 3, "report_dir"),
        ("milvus.data_dir=/proc/nowhere", 3, "milvus.data_dir"),
    ],
)
def test_one_message_and_its_exit_code(
    refuse: Refuse, override: str, exit_code: int, message: str
) -> None:
    assert message in refuse(exit_code, override)


def test_a_model_without_weights(refuse: Refuse, tmp_path: Path) -> None:
    folder = tmp_path / "corpus" / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    assert "holds no *.safetensors" in refuse(4, f"reasoner.engine.model={folder}")


def test_a_store_that_is_read_only_is_a_file(refuse: Refuse, tmp_path: Path) -> None:
    taken = tmp_path / "corpus" / "file"
    taken.write_text("in the way")
    assert "choose a writable folder" in refuse(3, f"store={taken}/store")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> str:
    """A moto server with one bucket; its endpoint."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    _aws(monkeypatch, f"http://{host}:{port}")
    botocore.session.Session().create_client("s3").create_bucket(Bucket=BUCKET)
    yield f"http://{host}:{port}"
    server.stop()


def _aws(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("setting", ["store", "corpus.path"])
def test_a_missing_bucket(refuse: Refuse, setting: str) -> None:
    assert "the bucket does not exist" in refuse(4, f"{setting}=s3://no-such-bucket/x")


@pytest.mark.usefixtures("s3")
def test_a_corpus_that_is_not_in_its_bucket(refuse: Refuse) -> None:
    assert "no such file" in refuse(4, f"corpus.path=s3://{BUCKET}/nothing.parquet")


@pytest.mark.parametrize("setting", ["store", "corpus.path"])
def test_an_s3_server_that_is_down(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    _aws(monkeypatch, "http://127.0.0.1:1")
    assert "check AWS_ENDPOINT_URL" in refuse(3, f"{setting}=s3://{BUCKET}/x")


class _Refusing(BaseHTTPRequestHandler):
    """S3's answer to wrong credentials: moto's server does not check them by default."""

    def _refuse(self) -> None:
        body = b"<Error><Code>InvalidAccessKeyId</Code><Message>unknown key</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_DELETE = _refuse

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.mark.parametrize("setting", ["store", "corpus.path"])
def test_wrong_credentials(refuse: Refuse, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Refusing)
    Thread(target=server.serve_forever, daemon=True).start()
    _aws(monkeypatch, f"http://127.0.0.1:{server.server_port}")
    try:
        said = refuse(3, f"{setting}=s3://{BUCKET}/x")
    finally:
        server.shutdown()
        server.server_close()
    assert "InvalidAccessKeyId" in said
    assert "check the AWS credentials" in said


def test_no_credentials(refuse: Refuse, monkeypatch: pytest.MonkeyPatch, s3: str) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nowhere")
    assert "AWS_ACCESS_KEY_ID" in refuse(3, f"store=s3://{BUCKET}/x")


def test_a_dry_run_of_a_corpus_without_one_good_row(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "corpus" / "rows.jsonl").write_text('{"item_id": "a"}\n{"item_id": "b"}\n')
    assert "all 2 rows of the corpus would be rejected" in refuse(7, "--dry-run")


SERVER, BUCKET_STORE = MilvusConfig(uri="http://milvus:19530"), "s3://bucket/x"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (IndexConfig(store=BUCKET_STORE), "2 nodes, and a Milvus at build/milvus serves one"),
        (IndexConfig(store=BUCKET_STORE, milvus=MilvusConfig(uri="http://127.0.0.1:19530")),
         "2 nodes, and a Milvus at http://127.0.0.1:19530 serves one"),
        (IndexConfig(store="/data/tte2", milvus=SERVER), "store_is_shared=true"),
        (IndexConfig(store="/nfs/tte2", store_is_shared=True, milvus=SERVER), ""),
        (IndexConfig(store=BUCKET_STORE, milvus=SERVER), ""),
    ],
)  # fmt: skip
def test_what_lies_on_one_node_is_refused_where_there_are_two(
    monkeypatch: pytest.MonkeyPatch, config: IndexConfig, message: str
) -> None:
    node = {"Alive": True, "Resources": {"CPU": 8}}
    dead = {"Alive": False, "Resources": {}}
    # A double of the cluster: two nodes of a real one are two machines.
    monkeypatch.setattr("ray.nodes", lambda: [node, dead, node])
    with pytest.raises(PrerequisiteError, match=message) if message else nullcontext():
        require_cluster(config, sys.stdout, grows=True)
    monkeypatch.setattr("ray.nodes", lambda: [node, dead])
    require_cluster(config, sys.stdout, grows=True)


def test_the_command_itself(given: list[str]) -> None:
    command = [sys.executable, "jobs/index_corpus.py", *given, "embedder.engine.model=mini:nobody"]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 4
    assert ended.stdout == ""
    assert ended.stderr.startswith("error: the package carries no model 'mini:nobody'")
