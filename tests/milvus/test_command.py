"""The command line on a real server, a real store and the shipped configuration."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.milvus.conftest import DIMENSION, rows
from tte2_ray.artifacts.manifest import IndexManifest, Status, write_manifest
from tte2_ray.artifacts.store import open_store
from tte2_ray.config import fingerprint, load_config
from tte2_ray.milvus.collection import CollectionSpec, ensure_collection
from tte2_ray.milvus.command import OF_THE_INDEX_JOB, PublishConfig, run_command
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.publish import live_version
from tte2_ray.milvus.server import ensure_server, find_server
from tte2_ray.milvus.writer import Writer
from tte2_ray.pipelines.index.config import IndexConfig

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "conf" / "publish_index.yaml"
PRESETS = sorted([*ROOT.glob("conf/models/*.yaml"), *ROOT.glob("conf/profiles/*.yaml")])


@pytest.fixture
def add_version(
    client: Any, config: MilvusConfig, index: str, tmp_path: Path
) -> Iterator[Callable[..., None]]:
    added = []

    def add(version: str, *, status: Status = "verified") -> None:
        spec = CollectionSpec(index=index, version=version, fingerprint="e", dimension=DIMENSION)
        added.append(ensure_collection(client, config, spec))
        Writer(config, added[-1], dimension=DIMENSION).write(rows(20))
        manifest = IndexManifest(
            index=index,
            version=version,
            collection=added[-1],
            ecr_fingerprint="r",
            embedding_fingerprint="e",
            corpus="corpora/c",
            corpus_digest="c",
            rows_in=22,
            indexed=15,
            unchanged=5,
            rejected=2,
            status=status,
            created_at=f"2026-01-01T00:00:{len(added):02d}Z",
        )
        assert write_manifest(open_store(str(tmp_path)), manifest)

    yield add
    client.drop_alias(index)
    for name in added:
        client.drop_collection(name)


@pytest.fixture
def command(config: MilvusConfig, index: str, tmp_path: Path) -> Callable[..., int]:
    where = [f"index={index}", f"store={tmp_path}", f"milvus.uri={config.uri}"]
    return lambda *words: run_command([*words, *where], default=SHIPPED)


def test_versions_are_listed_promoted_and_rolled_back(
    client: Any,
    config: MilvusConfig,
    index: str,
    command: Callable[..., int],
    add_version: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    add_version("v1")
    add_version("v2")
    assert command("promote", "v1") == 0
    assert command("promote", "v2", "--dry-run") == 0
    assert "v2 would be live, after v1" in capsys.readouterr().out
    assert live_version(client, config, index) == "v1"
    assert command("promote", "v2") == 0
    assert command("list", "--json") == 0
    listed = json.loads(capsys.readouterr().out.split("after v1\n")[-1])
    assert [(line["version"], line["live"], line["rows"]) for line in listed] == [
        ("v1", False, 20),
        ("v2", True, 20),
    ]
    assert command("verify", "v2") == 0
    assert '"passed": true' in capsys.readouterr().out
    assert command("rollback", "--dry-run") == 0
    assert live_version(client, config, index) == "v2"
    assert command("rollback") == 0
    assert live_version(client, config, index) == "v1"
    assert command("drop-old", "--keep", "0") == 0
    assert "v2 is dropped" in capsys.readouterr().out
    assert command("list") == 0
    assert "verified" in capsys.readouterr().out


def test_a_rollback_undoes_a_promotion_by_hand(
    client: Any,
    config: MilvusConfig,
    index: str,
    command: Callable[..., int],
    add_version: Callable[..., None],
) -> None:
    for version in ("v1", "v2", "v3"):
        add_version(version)
        assert command("promote", version) == 0
    assert command("promote", "v2") == 0
    assert command("rollback") == 0
    assert live_version(client, config, index) == "v3"


def test_each_refusal_has_its_exit_code(
    command: Callable[..., int],
    add_version: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command("list") == 0
    assert "knows no version of index" in capsys.readouterr().err
    add_version("v1", status="failed")
    assert command("promote", "v1") == 5
    assert "did not pass its checks" in capsys.readouterr().err
    assert command("promote", "v9") == 4
    assert command("rollback") == 4
    assert command("list", "milvus.no_such_key=1") == 2
    assert command("list", "--redrive") == 2
    assert "--redrive" in capsys.readouterr().err


def test_an_unreachable_server_is_exit_code_3_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_command(["list", "milvus.uri=http://127.0.0.1:1"], default=SHIPPED) == 3
    error = capsys.readouterr().err
    assert error.startswith("error: Cannot connect to Milvus at http://127.0.0.1:1")
    assert "Traceback" not in error


def test_stop_server_ends_the_embedded_one(tmp_path: Path) -> None:
    ensure_server(tmp_path)
    stop = ["stop-server", f"milvus.data_dir={tmp_path}"]
    assert run_command(stop, default=SHIPPED) == 0
    assert find_server(tmp_path) is None
    assert run_command(stop, default=SHIPPED) == 0


def test_help_shows_examples() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jobs.publish_index", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert "promote v2 index=demo" in done.stdout
    assert "conf/publish_index.yaml" in done.stdout


def test_the_command_finds_its_configuration_from_any_folder(tmp_path: Path) -> None:
    script = ROOT / "jobs" / "publish_index.py"
    done = subprocess.run(
        [sys.executable, str(script), "list", "--print-config"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "index: demo" in done.stdout


def test_the_shipped_file_holds_the_defaults_and_speed_is_no_part_of_the_fingerprint() -> None:
    assert load_config(PublishConfig, [SHIPPED]).config == PublishConfig()
    faster = ["milvus.batch_rows=7", "milvus.uri=http://elsewhere:19530", "milvus.timeout_s=1"]
    other = load_config(PublishConfig, [SHIPPED], faster).config
    assert fingerprint(other) == fingerprint(PublishConfig())
    tuned = load_config(PublishConfig, [SHIPPED], ["milvus.index_params={M: 32}"]).config
    assert tuned.milvus.build_params == {"M": 32, "efConstruction": 200}
    assert fingerprint(tuned) != fingerprint(PublishConfig())


@pytest.mark.parametrize("preset", PRESETS, ids=lambda file: file.stem)
def test_what_the_index_job_was_told_can_be_told_here_too(
    preset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = [f"--{preset.parent.name.removesuffix('s')}", preset.stem]
    assert run_command(["rollback", *named, "--print-config"], default=SHIPPED) == 0
    told = yaml.safe_load(capsys.readouterr().out)
    told["milvus"].pop("token")  # never shown
    said = yaml.safe_load(preset.read_text())
    assert told["store"] == said.get("store", PublishConfig().store)
    assert told["milvus"]["uri"] == said.get("milvus", {}).get("uri", "")
    assert "reasoner" not in told


def test_a_key_is_passed_over_where_the_index_job_knows_it_and_only_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {field.name for field in dataclasses.fields(IndexConfig)}
    own = {field.name for field in dataclasses.fields(PublishConfig)}
    assert known - own == set(OF_THE_INDEX_JOB)
    assert run_command(["list", "media.fps=1", "--print-config"], default=SHIPPED) == 2
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("milvsu: {uri: http://here:1}\n")
    assert run_command(["list", "--config", str(wrong), "--print-config"], default=SHIPPED) == 2
    assert "did you mean 'milvus'" in capsys.readouterr().err
