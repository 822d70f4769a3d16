"""Ray as it is joined: is it there, does it take this job, do its nodes reach the store?"""

import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import botocore.session
import pytest
from moto.server import ThreadedMotoServer
from ray.exceptions import AuthenticationError

from tte2_ray.engines import EmbedderConfig, EngineConfig
from tte2_ray.errors import ConfigError, PrerequisiteError
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.pipelines.cluster import cluster, require_answer, runs_in_a_copy
from tte2_ray.pipelines.config import RayConfig
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.preflight import require_cluster
from tte2_ray.pipelines.nodes import require_store_on


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that knows of no Ray, though other tests may have one."""
    for name in ("RAY_ADDRESS", "RAY_JOB_ID", "RAY_JOB_CONFIG_JSON_ENV_VAR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("ray.is_initialized", lambda: False)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "auto"])
def test_a_cluster_that_does_not_answer_is_told_within_seconds(
    monkeypatch: pytest.MonkeyPatch, closed_port: int, form: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{closed_port}" if form == "auto" else "")
    began = time.monotonic()
    with pytest.raises(PrerequisiteError, match=rf"no Ray answers at \S*\.1:{closed_port}"):
        require_answer(RayConfig(address=form.format(closed_port)))
    assert time.monotonic() - began < 20


@pytest.mark.usefixtures("alone")
def test_a_submitted_job_asks_its_own_cluster(
    monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{closed_port}")
    with pytest.raises(PrerequisiteError, match=str(closed_port)):
        require_answer(RayConfig())


@pytest.mark.usefixtures("alone")
def test_one_that_answers_or_is_started_here_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    require_answer(RayConfig())
    monkeypatch.setenv("RAY_ADDRESS", "local")
    require_answer(RayConfig())
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        require_answer(RayConfig(address=f"127.0.0.1:{listener.getsockname()[1]}"))


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("address", ["http://127.0.0.1:8265", "somewhere", "a:b", "127.0.0.1:"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(ConfigError, match=r"is not host:port, ray://host:port or auto"):
        require_answer(RayConfig(address=address))


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConnectionError("timed out"), "no Ray answers at head:6379: timed out; start one with"),
        (AuthenticationError("wrong token"), "the Ray at head:6379 refuses this job: wrong token"),
    ],
)
def test_what_ray_says_when_it_is_joined_is_one_message(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def refuse(**given: object) -> None:
        raise error

    # A double: a real head that goes away between two questions cannot be had.
    monkeypatch.setattr("ray.init", refuse)
    with pytest.raises(PrerequisiteError, match=message), cluster(RayConfig(address="head:6379")):
        raise AssertionError("nothing was joined")


STARTING = """
import ray._private.node
from tte2_ray.pipelines.cluster import cluster
from tte2_ray.pipelines.config import RayConfig

class Node:  # a double: what Ray makes of an address is asked, and no process of it started
    def __init__(self, *_, **given):
        raise SystemExit("starts a head" if given["head"] else "joins")

ray._private.node.Node = Node
with cluster(RayConfig()):
    pass
"""


@pytest.mark.parametrize("named", [{}, {"RAY_ADDRESS": "local"}])
def test_one_is_started_here_though_another_was_started_on_this_machine(
    named: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")  # as `ray start` leaves it
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    ended = subprocess.run(
        [sys.executable, "-c", STARTING],
        env={**kept, "RAY_TMPDIR": str(tmp_path), **named},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr.splitlines()[-1] == "starts a head", ended.stderr


@pytest.mark.usefixtures("alone")
def test_a_copy_is_known_by_what_ray_tells_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not runs_in_a_copy()
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"runtime_env": null, "metadata": {}}')
    assert not runs_in_a_copy()
    given = '{"runtime_env": {"working_dir": "gcs://_ray_pkg_1.zip"}}'
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", given)
    assert runs_in_a_copy()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A store on a moto server that the environment of this process alone names."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    botocore.session.Session().create_client("s3").create_bucket(Bucket="nodes")
    yield "s3://nodes/store"
    server.stop()


def test_each_node_is_asked_for_the_store(
    ray_cluster: None, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import ray

    require_store_on(ray.nodes(), bucket)
    profile = tmp_path / "credentials"
    profile.write_text("[ours]\naws_access_key_id = test\naws_secret_access_key = test\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profile))
    monkeypatch.setenv("AWS_PROFILE", "ours")
    require_store_on(ray.nodes(), bucket)
    monkeypatch.setenv("AWS_PROFILE", "elsewhere")  # as on a node whose file has no such profile
    with pytest.raises(PrerequisiteError, match=r"the node \S+ does not reach.*\(elsewhere\)"):
        require_store_on(ray.nodes(), bucket)


SERVER, BUCKET_STORE = MilvusConfig(uri="http://milvus:19530"), "s3://bucket/x"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (IndexConfig(store=BUCKET_STORE), "2 machines, and a Milvus at build/milvus serves one"),
        (IndexConfig(store=BUCKET_STORE, milvus=MilvusConfig(uri="http://127.0.0.1:19530")),
         "2 machines, and a Milvus at http://127.0.0.1:19530 serves one"),
        (IndexConfig(store="/data/tte2", milvus=SERVER), "store_is_shared=true"),
        (IndexConfig(store="/nfs/tte2", store_is_shared=True, milvus=SERVER), ""),
        (IndexConfig(store=BUCKET_STORE, milvus=SERVER), ""),
    ],
)  # fmt: skip
def test_what_lies_on_one_machine_is_refused_where_there_are_two(
    monkeypatch: pytest.MonkeyPatch, config: IndexConfig, message: str
) -> None:
    node, other = ({"Alive": True, "Resources": {"CPU": 8}, "NodeManagerAddress": address}
                   for address in ("10.0.0.1", "10.0.0.2"))  # fmt: skip
    dead = {**other, "Alive": False, "Resources": {}}
    # A double of the cluster: here there is one machine.
    monkeypatch.setattr("ray.nodes", lambda: [node, dead, other])
    with pytest.raises(PrerequisiteError, match=message) if message else nullcontext():
        require_cluster(config, sys.stdout, grows=False)
    monkeypatch.setattr("ray.nodes", lambda: [node, dead, node])
    require_cluster(config, sys.stdout, grows=False)


NODE = {"Alive": True, "Resources": {"CPU": 8}, "NodeManagerAddress": "10.0.0.1"}
GPU = IndexConfig(embedder=EmbedderConfig(engine=EngineConfig(num_gpus=1)))
CPUS = IndexConfig(embedder=EmbedderConfig(engine=EngineConfig(num_cpus=9)))
BOTH = IndexConfig(embedder=EmbedderConfig(engine=EngineConfig(num_cpus=9, num_gpus=1)))


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        (GPU, "num_cpus, use a machine with as many GPUs, or join"),
        (CPUS, "num_cpus, raise ray.local_cpus, or join"),
        (BOTH, "num_cpus, use a machine with as many GPUs and raise ray.local_cpus, or join"),
    ],
)
def test_where_ray_was_started_here_the_advice_is_what_would_help(
    monkeypatch: pytest.MonkeyPatch, config: IndexConfig, advice: str
) -> None:
    # A double of the cluster, as Ray describes one without GPUs.
    monkeypatch.setattr("ray.nodes", lambda: [NODE])
    with pytest.raises(PrerequisiteError, match=advice):
        require_cluster(config, sys.stdout, grows=False)


@pytest.mark.parametrize(
    ("labels", "grows", "message"),
    [
        ({}, False, "use a machine with as many GPUs"),
        ({}, True, "no autoscaler adds one: lower embedder.engine.num_gpus"),
        ({"ray.io/node-group": ""}, True, "start such a node"),
        ({"ray.io/node-group": "head"}, True, ""),
    ],
)
def test_a_replica_that_fits_no_node_is_waited_for_only_where_one_may_come(
    monkeypatch: pytest.MonkeyPatch, labels: dict[str, str], grows: bool, message: str
) -> None:
    # A double of the cluster, as Ray describes one without GPUs.
    monkeypatch.setattr("ray.nodes", lambda: [NODE | {"Labels": labels}])
    out = io.StringIO()
    with pytest.raises(PrerequisiteError, match=message) if message else nullcontext():
        require_cluster(GPU, out, grows=grows)
    waits = "wait   a replica of the embedder needs 1 GPU and 1 CPU, which no node"
    assert out.getvalue().startswith(waits) != bool(message)
