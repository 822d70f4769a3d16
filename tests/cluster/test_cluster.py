"""The cluster files, as far as they can be held without a cloud: schemas, names, sizes, paths."""

import itertools
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tte2_ray.config import load_config, main
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.pipelines.index.job import index_corpus

ROOT = Path(__file__).parent.parent.parent
CLUSTER = ROOT / "cluster"
BASE = ROOT / "conf" / "index_corpus.yaml"
MODELS = sorted((ROOT / "conf" / "models").glob("*.yaml"))


def read(name: str) -> Any:
    return yaml.safe_load((CLUSTER / name).read_text())


def pinned(package: str) -> str:
    lock = (ROOT / "requirements" / "cpu.lock").read_text()
    found = re.search(rf"^{package}==(\S+)", lock, re.MULTILINE)
    assert found, package
    return found.group(1)


@pytest.fixture(scope="module")
def ray_up() -> dict[str, Any]:
    """The configuration as `ray up` completes and checks it."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(read("ray-up.yaml"))
    validate_config(config)
    return dict(config)


def test_ray_accepts_the_configuration_and_refuses_another(ray_up: dict[str, Any]) -> None:
    from ray.autoscaler._private.util import validate_config

    with pytest.raises(Exception, match="'idle_timeout_minute' was unexpected"):
        validate_config({**ray_up, "idle_timeout_minute": 5})


def test_no_work_runs_on_the_head_and_workers_start_on_demand(ray_up: dict[str, Any]) -> None:
    types = ray_up["available_node_types"]
    assert types[ray_up["head_node_type"]]["resources"] == {"CPU": 0}
    assert all(kind["min_workers"] == 0 for kind in types.values())
    starts = " ".join(ray_up["head_start_ray_commands"])
    assert "--num-cpus=0" in starts
    assert "--dashboard-host=127.0.0.1" in starts
    assert "RAY_AUTH_MODE=token" in " ".join(ray_up["docker"]["run_options"])
    assert "/home/ray/.ray/auth_token" in ray_up["file_mounts"]


def test_flags_of_ray_start_are_rays(ray_up: dict[str, Any]) -> None:
    from ray.scripts.scripts import cli

    known = {flag for option in cli.commands["start"].params for flag in option.opts}
    for command in [*ray_up["head_start_ray_commands"], *ray_up["worker_start_ray_commands"]]:
        if "ray start" in command:
            given = {word.split("=")[0] for word in command.split() if word.startswith("--")}
            assert given <= known, given - known


def engines(model: Path) -> list[Any]:
    config = load_config(IndexConfig, [BASE, model]).config
    return [config.reasoner.engine, config.embedder.engine]


@pytest.mark.parametrize("model", MODELS, ids=lambda file: file.stem)
def test_every_preset_fits_a_node_of_either_cluster(model: Path, ray_up: dict[str, Any]) -> None:
    aws = [kind["resources"] for kind in ray_up["available_node_types"].values()]
    groups = read("kuberay/raycluster.yaml")["spec"]["workerGroupSpecs"]
    pods = [group["template"]["spec"]["containers"][0]["resources"]["limits"] for group in groups]
    for engine in engines(model):
        assert any(
            node.get("CPU", 0) >= engine.num_cpus and node.get("GPU", 0) >= engine.num_gpus
            for node in aws
        )
        assert any(
            float(pod["cpu"]) >= engine.num_cpus
            and float(pod.get("nvidia.com/gpu", 0)) >= engine.num_gpus
            for pod in pods
        )


def test_the_kubernetes_cluster_runs_our_ray_without_rights() -> None:
    spec = read("kuberay/raycluster.yaml")["spec"]
    assert spec["rayVersion"] == pinned("ray")
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    for pod in (group["template"]["spec"] for group in groups):
        assert pod["securityContext"]["runAsNonRoot"]
        assert (
            pod["containers"][0]["resources"]["requests"]
            == (pod["containers"][0]["resources"]["limits"])
        ), "Ray counts limits: a pod that is given less is killed"
        mounts = {mount["name"] for mount in pod["containers"][0].get("volumeMounts", [])}
        assert mounts == {volume["name"] for volume in pod.get("volumes", [])}


def test_the_kubernetes_job_is_one_that_we_and_kuberay_accept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    job = read("kuberay/rayjob-index-corpus.yaml")["spec"]
    cluster = read("kuberay/raycluster.yaml")["metadata"]["name"]
    assert job["clusterSelector"] == {"ray.io/cluster": cluster}
    # Refused beside clusterSelector (KubeRay 1.7, ValidateRayJobSpec).
    assert not {"backoffLimit", "ttlSecondsAfterFinished", "shutdownAfterJobFinishes"} & set(job)
    python, script, *arguments = shlex.split(job["entrypoint"])
    assert (python, script) == ("python", "/app/jobs/index_corpus.py")
    argv = [*arguments, "--print-config"]
    assert main(IndexConfig, index_corpus, description="", default=BASE, argv=argv) == 0
    assert yaml.safe_load(capsys.readouterr().out)["ray"]["address"] == "auto"


FILES = [*sorted(CLUSTER.rglob("*.yaml")), ROOT / "conf" / "profiles" / "cluster.yaml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_yours_is_named_as_such_and_the_first_comment_says_so(file: Path) -> None:
    lines = file.read_text().splitlines()
    settings = "\n".join(line.partition("#")[0] for line in lines)
    comment = "\n".join(itertools.takewhile(lambda line: line.startswith("#"), lines)).lower()
    for bucket in re.findall(r"s3://([\w.-]+)", settings):
        assert bucket.startswith("REPLACE"), f"whose is {bucket}?"
    for yours in re.findall(r"registry\.example|REPLACE|AWS_REGION|region:", settings):
        assert yours.lower().removesuffix(":") in comment, f"it leaves out {yours}"


def dockerfile() -> dict[str, list[list[str]]]:
    """The instructions of each stage, those of the stage that it starts from in front."""
    text = (CLUSTER / "Dockerfile").read_text().replace("\\\n", " ")
    stages: dict[str, list[list[str]]] = {}
    name = ""
    for words in (line.split() for line in text.splitlines() if line.strip()):
        if words[0] == "FROM":
            name = words[3]
            stages[name] = list(stages.get(words[1], [words]))
        elif not words[0].startswith("#"):
            stages[name].append(words)
    return stages


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_an_image_copies_what_is_there_and_runs_as_nobody_special(target: str) -> None:
    steps = dockerfile()[target]
    copied = [words[2:-1] for words in steps if words[0] == "COPY"]
    assert copied[-1] == ["."]
    for source in (name for names in copied for name in names):
        assert (ROOT / source).exists(), source
    assert [words[1] for words in steps if words[0] == "USER"][-1] == "ray"
    setup = [words for words in steps if words[0] == "RUN" and "tools/setup.sh" in words]
    assert len(setup) == 1
    assert f"EXTRA={target}" in setup[0]
    assert next(words for words in steps if words[0] == "FROM")[1].startswith("python:3.11-")


def test_milvus_listens_on_this_machine_only_and_has_one_version() -> None:
    services = read("milvus/compose.yaml")["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    values = read("milvus/values.yaml")
    assert services["standalone"]["image"] == f"milvusdb/milvus:{values['image']['all']['tag']}"
    profile = load_config(IndexConfig, [BASE, ROOT / "conf" / "profiles" / "gpu-node.yaml"]).config
    assert profile.milvus.uri.removeprefix("http://") == ports[0].removesuffix(":19530")
