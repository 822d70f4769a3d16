"""Index jobs on an S3 that fails: the same command ends in the same index.

The corpus, its pictures and the store lie on S3; a proxy before it disturbs the requests.
"""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import ray
from botocore import endpoint
from moto.server import ThreadedMotoServer

from tests.artifacts.faulty import Waits
from tests.chaos.s3_proxy import S3Proxy
from tests.chaos.s3_rules import Rule
from tests.pipelines.conftest import ROWS, Configured, contents, run
from tests.pipelines.killing import done_shards, kill_when, overrides_of, start_job
from tests.pipelines.without_ray import leave_ray_out, run_the_sample_here
from tte2_ray.artifacts.store import open_store
from tte2_ray.config import Loaded, main
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.job import index_corpus

SHARD = 8
LEASE = ("lease.expiry_s=3",)
"""A job that failed here leaves a process that lives: these tests."""
NOTHING = Path("tests/pipelines/nothing.yaml").absolute()
FINISHED = {"in": ROWS + 1, "indexed": ROWS - 1, "unchanged": 0, "rejected": 2}
Made = tuple[dict[str, Any], dict[str, bytes]]
"""What an index holds by item, and the tables in its store by key."""
Job = Callable[..., Loaded[IndexConfig]]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The URL of an S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def s3(moto: str) -> Iterator[S3Proxy]:
    """A proxy before it."""
    with S3Proxy(moto) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def bucket(moto: str) -> str:
    """Its name; the corpus in it is every test's, byte for byte."""
    name = f"faults-{uuid.uuid4().hex}"
    botocore.session.Session().create_client("s3", endpoint_url=moto).create_bucket(Bucket=name)
    return name


@pytest.fixture
def job(
    configured: Configured, corpus: Path, s3: S3Proxy, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> Job:
    """Loads a configuration with corpus and store on S3, behind a proxy that disturbs nothing."""
    s3.rules.begin(seed=11)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
    folder = open_store(f"s3://{bucket}/corpus")
    for file in corpus.parent.iterdir():
        folder.put(file.name, file.read_bytes())
    store = f"s3://{bucket}/{uuid.uuid4().hex}"
    path = f"corpus.path=s3://{bucket}/corpus/{corpus.name}"
    given = (path, f"store={store}", f"corpus.rows_per_shard={SHARD}", *LEASE)
    return lambda *overrides: configured(*given, *overrides)


def made_by(loaded: Loaded[IndexConfig]) -> Made:
    """The index, and what lies in the store apart from the report and the leases."""
    store = open_store(loaded.config.store)
    keys = [key for folder in ("corpora", "ecr", "vectors") for key, _ in store.list(folder)]
    tables = {key: store.get(key) for key in keys if key.endswith((".parquet", "plan.json"))}
    markers = {key.removesuffix(".done.json") for key in keys if key.endswith(".done.json")}
    assert len(markers) == 2 * ROWS // SHARD
    assert {f"{marker}.parquet" for marker in markers} <= set(tables)
    return contents(loaded), tables


@pytest.fixture
def straight(job: Job, kept: list[Made]) -> Made:
    """What a run makes that nothing disturbs, and that needs no Ray; made once."""
    if not kept:
        loaded = job("index=s3_straight", f"store={job().config.store}-straight")
        with pytest.MonkeyPatch.context() as patch:
            leave_ray_out(patch)
            run_the_sample_here(patch)
            results, said = run(loaded)
        assert results["live"], said
        assert results["rows"] == FINISHED
        kept.append(made_by(loaded))
    return kept[0]


@pytest.fixture(scope="module")
def kept() -> list[Made]:
    """Between tests."""
    return []


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """Stages work in this process, and nobody waits long between two attempts."""
    leave_ray_out(monkeypatch)
    run_the_sample_here(monkeypatch)
    monkeypatch.setattr(endpoint, "time", waits := Waits())
    return waits


def transient(share: float) -> list[Rule]:
    """Whatever may pass, each for a share of all requests but those by which a job begins: it asks
    twice then, which one request in ten would end now and then."""
    kinds = ("delay", "cut_before", "cut_after", "cut_body", "half_write", "duplicate", "error_500",
             "error_500_after", "slow_down", "request_timeout")  # fmt: skip
    first = Rule(kind="pass", key="*.preflight*")
    return [first, *(Rule(kind=kind, probability=share) for kind in kinds)]


def fails(loaded: Loaded[IndexConfig], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Runs the command; its exit status and its one line."""
    capsys.readouterr()
    argv = ["--config", str(NOTHING), *overrides_of(loaded.config), *LEASE]
    status = main(IndexConfig, index_corpus, description="", default=NOTHING, argv=argv)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, lines
    return status, lines[0]


def done(loaded: Loaded[IndexConfig], folder: str = "ecr") -> int:
    """Shards of a phase that are done."""
    return len(done_shards(open_store(loaded.config.store), folder))


def assert_finishes(loaded: Loaded[IndexConfig], straight: Made, *, reused: int = 0) -> None:
    """The same command ends in the same index, without doing again what was done."""
    results, said = run(loaded)
    assert results["live"], said
    assert results["rows"] == FINISHED
    assert results["phases"][0]["reused"] == reused * SHARD
    assert made_by(loaded) == straight


def test_what_passes_is_passed_over_by_asking_again(job: Job, s3: S3Proxy, straight: Made) -> None:
    s3.set(*transient(0.01))
    assert_finishes(job(), straight)
    met = [each["kind"] for each in s3.log() if each["kind"] != "pass"]
    assert len(met) > 10
    assert len(set(met)) > 4, "of most kinds"


def test_one_failure_after_the_other_ends_in_the_same_index(
    job: Job, s3: S3Proxy, straight: Made, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Killed while S3 fails; limited for longer than is asked; refused; then it passes."""
    loaded = job()
    s3.set(*transient(0.01))
    kill_the_driver(loaded, tmp_path / "log")
    before = done(loaded)

    s3.set(Rule(kind="slow_down", operation="PUT", key="*/ecr/*", after=1))
    status, line = fails(loaded, capsys)
    assert status == 6
    assert f"S3 at {s3.url} failed (SlowDown: Please reduce your request rate" in line
    assert "the same command goes on from what is done" in line
    assert before <= done(loaded) < ROWS // SHARD

    s3.set(Rule(kind="expired_token", key="*/vectors/*", after=6))
    status, line = fails(loaded, capsys)
    assert status == 3
    assert "S3 refused (ExpiredToken: " in line
    assert "check the AWS credentials and what they may do" in line
    s3.set()
    assert done(loaded) == ROWS // SHARD
    assert done(loaded, "vectors") < ROWS // SHARD

    s3.set(*transient(0.01))
    assert_finishes(loaded, straight, reused=ROWS // SHARD)


def kill_the_driver(loaded: Loaded[IndexConfig], log: Path) -> None:
    """Runs the command in a process of its own, until a shard is done."""
    slow = ("reasoner.engine.fake_delay_s=0.5", "reasoner.engine.shards_in_flight=1")
    address = f"ray.address={ray.get_runtime_context().gcs_address}"
    given = ["--config", str(NOTHING), *overrides_of(loaded.config), *slow, address]
    with log.open("w") as out:
        kill_when(start_job(given, out), lambda: done(loaded) > 0, timeout_s=120)


def test_a_server_that_goes_away_in_the_middle(
    job: Job, s3: S3Proxy, straight: Made, here: Waits, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = job()
    s3.set(Rule(kind="outage", operation="PUT", key="*/ecr/*", after=4, times=1, seconds=120.0))
    status, line = fails(loaded, capsys)
    s3.come_back()
    assert status == 3
    assert f"cannot reach S3 at {s3.url}; check AWS_ENDPOINT_URL and that the server is up" in line
    assert here.waited
    assert_finishes(loaded, straight, reused=2)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("key", ["corpus/*.png", "*"])
def test_credentials_that_end_cost_no_row(
    job: Job, s3: S3Proxy, straight: Made, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = job()
    s3.set(Rule(kind="expired_token", operation="GET", key=key, after=14))
    status, line = fails(loaded, capsys)
    assert status == 3
    assert "S3 refused (" in line, "a picture or a table, whichever came first"
    assert "ExpiredToken" in line
    assert "check the AWS credentials" in line
    s3.set()
    assert_finishes(loaded, straight, reused=done(loaded))
