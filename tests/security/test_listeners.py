"""What listens, and to whom: real sockets of what the project starts, and Ray's token."""

import ast
import os
import re
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from moto.server import ThreadedMotoServer

from tools.demo import ray_head
from tools.demo.ray_head import local_ray, processes_with
from tte2_ray.milvus.server import ensure_server, stop_server
from tte2_ray.pipelines.cluster import cluster
from tte2_ray.pipelines.config import RayConfig

ROOT = Path(__file__).parents[2]
LOOPBACK = {"127.0.0.1"}
PLACES = {"ThreadedMotoServer": "ip_address", "HTTPServer": "", "ThreadingHTTPServer": ""}
"""Servers that tests, tools and benchmarks start, and the argument that says where they listen."""


def listening(pid: int) -> dict[int, set[str]]:
    """The addresses at which a process listens, by port."""
    found: dict[int, set[str]] = {}
    for each in psutil.Process(pid).net_connections(kind="inet"):
        if each.status == psutil.CONN_LISTEN:
            # gRPC opens a socket of IPv6 for an address of IPv4.
            found.setdefault(each.laddr.port, set()).add(each.laddr.ip.removeprefix("::ffff:"))
    return found


def test_the_embedded_milvus_listens_on_the_loopback_alone(tmp_path: Path) -> None:
    server = ensure_server(tmp_path)
    try:
        processes = [server.pid, *(c.pid for c in psutil.Process(server.pid).children(True))]
        found = [each for pid in processes for each in listening(pid).items()]
        assert (server.port, LOOPBACK) in found
        assert all(addresses == LOOPBACK for _, addresses in found), found
    finally:
        stop_server(tmp_path)


def test_a_server_of_the_tests_listens_on_the_loopback_alone() -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        assert listening(os.getpid())[server.get_host_and_port()[1]] == LOOPBACK
    finally:
        server.stop()


def test_no_server_is_started_elsewhere() -> None:
    """moto's own default is every interface."""
    started = 0
    for folder in ("tte2_ray", "jobs", "tools", "benchmarks", "tests"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in PLACES:
                    given = {each.arg: each.value for each in node.keywords}
                    place = given.get(PLACES[name]) or (node.args[0] if node.args else None)
                    said = ast.unparse(place) if place is not None else "nothing"
                    started += 1
                    assert said.startswith(("'127.0.0.1'", "('127.0.0.1'")), f"{file}: {said}"
    assert started > 9, "else nothing was looked at"


def test_nothing_says_that_ray_shall_do_without_its_token() -> None:
    suffixes = {".py", ".yaml", ".sh", ".md", ".toml", ""}
    files = [ROOT / "Makefile", *(
        file
        for folder in ("cluster", "conf", "docs", "jobs", "tools", "tte2_ray", "benchmarks")
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and file.suffix in suffixes
    )]  # fmt: skip
    said = {
        match.group(1)
        for file in files
        for match in re.finditer(r"""RAY_AUTH_MODE["']?\s*[=:,]\s*["']?(\w+)""", file.read_text())
    }
    assert said == {"token"}


@pytest.mark.timeout(300)
def test_a_ray_that_is_started_here_answers_to_its_token_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ray
    from ray._raylet import AuthenticationTokenLoader
    from ray.core.generated import gcs_service_pb2, gcs_service_pb2_grpc

    grpc = pytest.importorskip("grpc")
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)  # it is on by itself
    with cluster(RayConfig()), grpc.insecure_channel(
        ray.get_runtime_context().gcs_address
    ) as channel:  # fmt: skip
        ask = gcs_service_pb2_grpc.NodeInfoGcsServiceStub(channel).GetAllNodeInfo
        request = gcs_service_pb2.GetAllNodeInfoRequest()
        for wrong in ((), (("authorization", f"Bearer {'0' * 64}"),)):
            with pytest.raises(grpc.RpcError) as caught:
                ask(request, metadata=wrong, timeout=20)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        right = AuthenticationTokenLoader.instance().get_token_for_http_header()
        metadata = [(name.lower(), value) for name, value in right.items()]
        assert len(ask(request, metadata=metadata, timeout=20).node_info_list) == 1


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where the folders of this test's head lie."""
    with tempfile.TemporaryDirectory(prefix="t", dir=ray_head.HOME) as folder:
        monkeypatch.setattr(ray_head, "HOME", folder)
        yield


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("home")
def test_the_dashboard_of_a_head_is_on_the_loopback_and_asks_for_the_token() -> None:
    with local_ray(lambda _: None) as head:
        port = urlsplit(head.address).port
        place = head.environment["RAY_AUTH_TOKEN_PATH"]
        found = [listening(pid) for pid in processes_with(place)]
        assert [each[port] for each in found if port in each] == [LOOPBACK]
        assert _status(head.address, "") == 401
        assert _status(head.address, "0" * 64) == 403
        assert _status(head.address, Path(place).read_text()) == 200


def _status(address: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    asked = urllib.request.Request(f"{address}/api/jobs/", headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
