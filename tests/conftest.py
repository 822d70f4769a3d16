"""What every test starts from: no network, no credentials, one thread, and which Milvus."""

import os
import platform
from collections.abc import Iterator

import pytest

from tests.milvus_server import RealMilvus
from tests.milvus_wheel import VERSION, missing

# Two OpenMP pools on two cores starve each other; set before torch is imported anywhere.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["VLLM_NO_USAGE_STATS"] = "1"
# Never the credentials or the region of whoever runs the tests.
os.environ.pop("AWS_PROFILE", None)
os.environ.update(
    AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--milvus-uri",
        default="",
        help="run on the server at this URI instead of Milvus Lite; real: on one of the wheel "
        "`milvus`, which is started for it",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The wheel must be there where it was asked for; a platform that it is not for skips."""
    its_platform = (platform.system(), platform.machine()) == ("Linux", "x86_64")
    if config.getoption("--milvus-uri") == "real" and its_platform and missing():
        raise pytest.UsageError(
            f"--milvus-uri real: milvus=={VERSION} is not installed, which requirements/cpu.lock "
            "pins for this platform; install it, or leave --milvus-uri out"
        )


@pytest.fixture(scope="session")
def real_milvus(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealMilvus]:
    """The server of the wheel, where tests are run on it."""
    if request.config.getoption("--milvus-uri") != "real":
        pytest.skip("only the real server does this: --milvus-uri real, or make on-milvus")
    if why := missing():
        pytest.skip(why)
    with RealMilvus(tmp_path_factory.mktemp("real-milvus")) as server:
        yield server


@pytest.fixture(scope="session")
def milvus_uri(request: pytest.FixtureRequest) -> str:
    """Of the server that was asked for; "" is Milvus Lite."""
    uri = str(request.config.getoption("--milvus-uri"))
    if uri == "real":
        server: RealMilvus = request.getfixturevalue("real_milvus")
        uri = server.uri
    return uri
