"""A driver that is paused on its way to the alias, while another makes another version live."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.faults import wait_until_stopped
from tests.chaos.points import Moment
from tests.chaos.victim import Fault, exit_code
from tests.chaos.world import World
from tte2_ray.artifacts.manifest import list_manifests
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.publish import live_version
from tte2_ray.milvus.server import resolve, stop_server

OTHER = "embedder.engine.fake_dimension=24"


@pytest.fixture(scope="module")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusConfig]:
    folder = tmp_path_factory.mktemp("fence")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield resolve(MilvusConfig(data_dir=str(folder / "milvus")))
        stop_server(folder / "milvus")


@pytest.mark.parametrize(
    ("point", "moment"),
    [("manifest", "before"), ("manifest", "after"), ("promoted.forget", "after"),
     ("replaced", "after"), ("alias", "before"), ("alias", "after")],
)  # fmt: skip
def test_it_does_not_take_back_what_the_other_made_live(
    milvus: MilvusConfig, tmp_path: Path, point: str, moment: Moment
) -> None:
    name = "fence_" + f"{point}_{moment}".replace(".", "_")
    world = World(tmp_path / "world", "embedder", milvus, name)
    with world.ended():
        world.prepare()
        sleeper = world.start(
            world.command(), Fault(sign=signal.SIGSTOP, point=point, moment=moment)
        )
        wait_until_stopped(sleeper.pid)
        world.require_run(world.call(OTHER))
        client = connect(milvus)
        live = live_version(client, milvus, name)
        os.kill(sleeper.pid or 0, signal.SIGCONT)
        assert exit_code(sleeper) == 6
        assert "another took over; it writes nothing more" in world.log.read_text()
        assert live_version(client, milvus, name) == live
    world.drop()


@pytest.mark.parametrize("point", ["manifest.forget", "promoted.forget"])
def test_what_it_deletes_of_the_other_is_put_back(
    milvus: MilvusConfig, tmp_path: Path, point: str
) -> None:
    """It was about to delete what vouched for a collection that is gone."""
    name = f"fence_{point}".replace(".", "_")
    world = World(tmp_path / "world", "reload", milvus, name)
    with world.ended():
        world.prepare()
        sleeper = world.start(
            world.command(), Fault(sign=signal.SIGSTOP, point=point, moment="before")
        )
        wait_until_stopped(sleeper.pid)
        world.require_run(world.command())
        left = world.keys()
        os.kill(sleeper.pid or 0, signal.SIGCONT)
        assert exit_code(sleeper) == 6
        assert world.keys() == left
        version = live_version(connect(milvus), milvus, name)
        assert version in {m.version for m in list_manifests(world.store, name)}
    world.drop()
