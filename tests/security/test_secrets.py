"""Secrets stay where they were put: a real job on S3, Milvus and Ray, and all that it wrote."""

import io
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from tests.milvus.test_token import guarded  # noqa: F401 a fixture
from tte2_ray.errors import ConfigError
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.server import stop_server

ROOT = Path(__file__).parents[2]
BUCKET = "secrets-test"
NAMES = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "MILVUS_TOKEN",
    "RAY_AUTH_TOKEN", "HF_TOKEN",
)  # fmt: skip
SECRETS = {name: f"hidden{secrets.token_hex(16)}" for name in NAMES}
"""What stands in the environment of a job; the token of Milvus is that of its configuration too."""
IN_URIS = {place: f"hidden{secrets.token_hex(8)}" for place in ("password", "signature", "bucket")}
"""What stands in rows. A row is kept as it came, where items and dead letters are; nothing else may
tell of it."""
ROWS = [
    {"item_id": "good", "text": "a note"},
    {"item_id": "bad", "text": "one that the fake engine takes"},
    {"item_id": "p", "image_uri": f"https://user:{IN_URIS['password']}@127.0.0.1:1/x.png"},
    {"item_id": "s", "image_uri": f"https://127.0.0.1:1/x.png?Signature={IN_URIS['signature']}"},
    {"item_id": "b", "image_uri": f"s3://user:{IN_URIS['bucket']}@bucket/x.png"},
]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a job left, each text by the place where it stands."""

    printed: dict[str, bytes]
    stored: dict[str, bytes]
    reported: dict[str, bytes]
    logged: dict[str, bytes]
    """By Ray."""
    kept: dict[str, bytes]
    """By Milvus, and in the user's cache."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Of a job whose store lies on an S3 server, with secrets; Ray's folder is its own."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # Short: the path of a socket below it has 107 bytes.
    ray = tempfile.mkdtemp(prefix="t2s", dir="/tmp")
    yield {
        **os.environ,
        **SECRETS,
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "RAY_AUTH_MODE": "token",
        "RAY_TMPDIR": ray,
        "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
    }
    server.stop()
    shutil.rmtree(ray, ignore_errors=True)


@pytest.fixture(scope="module")
def ran(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The job, run once."""
    folder = tmp_path_factory.mktemp("secrets")
    client: Any = botocore.session.Session().create_client(
        "s3", endpoint_url=environment["AWS_ENDPOINT_URL"], region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    client.create_bucket(Bucket=BUCKET)
    done = job(folder, environment)
    stop_server(folder / "milvus")
    assert done.returncode == 0, done.stderr
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET)["Contents"]]
    return Ran(
        printed={"stdout": done.stdout.encode(), "stderr": done.stderr.encode()},
        stored={k: client.get_object(Bucket=BUCKET, Key=k)["Body"].read() for k in keys},
        reported=bytes_of(folder / "report"),
        logged=bytes_of(Path(environment["RAY_TMPDIR"])),
        kept=bytes_of(folder / "milvus") | bytes_of(Path(environment["XDG_CACHE_HOME"])),
    )


def job(
    folder: Path, environment: dict[str, str], *more: str
) -> "subprocess.CompletedProcess[str]":
    """The index job, as its entry point runs it."""
    corpus = folder / "corpus" / "rows.jsonl"
    corpus.parent.mkdir(exist_ok=True)
    corpus.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    given = [
        "index=secrets", f"store=s3://{BUCKET}/store", f"corpus.path={corpus}",
        f"report_dir={folder / 'report'}", f"milvus.data_dir={folder / 'milvus'}",
        "milvus.token=${oc.env:MILVUS_TOKEN}", "reasoner.engine.kind=fake",
        "embedder.engine.kind=fake", "failure_budget=0.9",
    ]  # fmt: skip
    return subprocess.run(
        [sys.executable, str(ROOT / "jobs" / "index_corpus.py"), *given, *more],
        env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): path.read_bytes() for path in files}


def rows_of(stored: dict[str, bytes]) -> list[dict[str, Any]]:
    """The rows of every table: a table is compressed, so that its bytes tell nothing."""
    tables = (data for name, data in stored.items() if name.endswith(".parquet"))
    return [row for data in tables for row in pq.read_table(io.BytesIO(data)).to_pylist()]


def found(secrets_: dict[str, str], texts: dict[str, bytes]) -> list[tuple[str, str]]:
    """Which secret stands in which text."""
    all_texts = texts | {"rows": repr(rows_of(texts)).encode()}
    return [
        (name, place)
        for place, text in all_texts.items()
        for name, value in secrets_.items()
        if value.encode() in text
    ]


@pytest.mark.timeout(300)
def test_a_job_writes_no_secret_of_its_environment(ran: Ran) -> None:
    assert len(ran.stored) > 10, "else nothing was looked at"
    names = {Path(name).name for name in ran.reported}
    assert {"results.json", "report.html"} <= names
    assert found(SECRETS, ran.printed | ran.stored | ran.reported | ran.kept) == []


def test_ray_logs_no_secret(ran: Ran) -> None:
    assert any(name.endswith("runtime_env_agent.log") for name in ran.logged), "its own logs"
    assert found(SECRETS, ran.logged) == []


def test_what_stands_in_the_uris_of_rows_is_told_nowhere(ran: Ran) -> None:
    """But in the rows themselves."""
    assert found(IN_URIS, ran.printed | ran.reported | ran.logged | ran.kept) == []
    rows = rows_of(ran.stored)
    letters = [row for row in rows if "message" in row]
    assert {row["item_id"] for row in letters} == {"p", "s", "b"}, "they were refused"
    assert found(IN_URIS, {"rows of letters": repr(letters).encode()}), "they hold their rows"
    told = [row.get("message", "") + row.get("error_message", "") for row in rows]
    assert found(IN_URIS, {"messages": "\n".join(told).encode()}) == []


@pytest.mark.parametrize(
    "setting",
    ["milvus.uri=http://root:{}@127.0.0.1:1", "store=s3://user:{}@bucket/x",
     "corpus.path=s3://user:{}@bucket/x.jsonl", "corpus.path=https://user:{}@host/x.jsonl"],
)  # fmt: skip
def test_a_password_in_a_uri_of_the_configuration_is_refused_and_not_told(
    tmp_path: Path, environment: dict[str, str], setting: str
) -> None:
    done = job(tmp_path, environment, setting.format(SECRETS["HF_TOKEN"]))
    assert done.returncode == 2, done.stderr
    assert "holds a user or a password" in done.stderr
    assert found(SECRETS, {"printed": (done.stdout + done.stderr).encode()}) == []


@pytest.mark.parametrize("written", ["${oc.env:MILVUS_TOKEN}", SECRETS["MILVUS_TOKEN"]])
def test_a_configuration_is_printed_without_its_token(
    tmp_path: Path, environment: dict[str, str], written: str
) -> None:
    done = job(tmp_path, environment, f"milvus.token={written}", "--print-config")
    assert done.returncode == 0, done.stderr
    assert "token: " in done.stdout
    assert found(SECRETS, {"printed": (done.stdout + done.stderr).encode()}) == []


def test_a_server_that_refuses_the_token_is_not_told_with_it(
    tmp_path: Path,
    environment: dict[str, str],
    guarded: str,  # noqa: F811 a fixture
) -> None:
    done = job(tmp_path, environment, f"milvus.uri={guarded}")
    assert done.returncode != 0
    assert "refuses milvus.token" in done.stderr
    assert found(SECRETS, {"printed": (done.stdout + done.stderr).encode()}) == []
    with pytest.raises(ConfigError) as caught:
        connect(MilvusConfig(uri=guarded, token=SECRETS["MILVUS_TOKEN"]))
    trace = "".join(traceback.format_exception(caught.value))
    assert found(SECRETS, {"trace": trace.encode()}) == []
