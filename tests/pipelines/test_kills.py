"""A driver that is killed for good (SIGKILL) at a step, and the same command again.

Ray is left out, here and in the process that is killed (`tests/pipelines/dying.py`): what it adds
is in `test_resume.py`.
"""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.conftest import ROWS, Configured, contents, run
from tests.pipelines.killing import ROOT, overrides_of
from tests.pipelines.without_ray import leave_ray_out
from tte2_ray.artifacts.manifest import manifest_key
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.config import Loaded
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.publish import live_version
from tte2_ray.milvus.server import resolve
from tte2_ray.pipelines.index.config import IndexConfig

SHARD = 8


@pytest.fixture
def ray_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray: in the place of the fixture that starts it."""
    leave_ray_out(monkeypatch)


def kill_at(step: str, loaded: Loaded[IndexConfig], *, first: bool = False) -> Store:
    """Runs the job in a process that dies at a step.

    Unless it is the first, an earlier run had left a report.
    """
    folder = Path(loaded.config.report_dir)
    if not first:
        folder.mkdir()
        (folder / "results.json").write_text(json.dumps({"outcome": "done", "live": True}))
        (folder / "report.html").write_text("an earlier run")
    command = [sys.executable, "-m", "tests.pipelines.dying", step, *overrides_of(loaded.config)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    left = json.loads((folder / "results.json").read_text())
    assert left == {"index": loaded.config.index, "outcome": "running"}
    assert not (folder / "report.html").exists()
    milvus = resolve(loaded.config.milvus)
    assert live_version(connect(milvus), milvus, loaded.config.index) == "", "the alias moves last"
    return open_store(loaded.config.store)


def keys(store: Store, folder: str, suffix: str) -> list[str]:
    return [key for key, _ in store.list(folder) if key.endswith(suffix)]


def did(results: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Rows that each phase worked on, and those whose shards it found done."""
    return {phase["name"]: (phase["rows"], phase["reused"]) for phase in results["phases"]}


def require_same_as_straight(configured: Configured, tmp_path: Path) -> None:
    """The live index is what a run that nobody killed makes of the same corpus."""
    straight = configured(f"store={tmp_path / 'other'}", f"index={configured().config.index}_s")
    run(straight)
    assert contents(straight) == contents(configured())


def test_killed_while_planning(configured: Configured, tmp_path: Path) -> None:
    loaded = configured()
    store = kill_at("plan", loaded, first=True)
    assert len(keys(store, "corpora", ".parquet")) == 2
    assert keys(store, "corpora", "plan.json") == []
    results, said = run(loaded)
    assert results["live"], said
    assert results["rows"] == {"in": ROWS + 1, "indexed": ROWS - 1, "unchanged": 0, "rejected": 2}
    assert did(results) == dict.fromkeys(("reason", "embed", "load"), (ROWS, 0))
    require_same_as_straight(configured, tmp_path)


def test_killed_while_loading(configured: Configured, tmp_path: Path) -> None:
    loaded = configured()
    store = kill_at("load", loaded)
    marked = keys(store, f"indexes/{loaded.config.index}", ".done.json")
    assert len(marked) == 2
    before = sum(json.loads(store.get(key))["done"] for key in marked)
    results, said = run(loaded)
    assert results["live"], said
    assert results["rows"] == {
        "in": ROWS + 1,
        "indexed": ROWS - 1 - before,
        "unchanged": before,
        "rejected": 2,
    }
    reused = SHARD * len(marked)
    assert did(results) == {
        "reason": (0, ROWS),
        "embed": (0, ROWS),
        "load": (ROWS - reused, reused),
    }
    require_same_as_straight(configured, tmp_path)


@pytest.mark.parametrize("step", ["verify", "alias"])
def test_killed_between_loading_and_the_alias(configured: Configured, step: str) -> None:
    loaded = configured()
    store = kill_at(step, loaded)
    assert len(keys(store, f"indexes/{loaded.config.index}", ".done.json")) == ROWS // SHARD
    results, said = run(loaded)
    index, version = results["index"], results["version"]
    assert results["live"], said
    assert results["rows"] == {"in": ROWS + 1, "indexed": 0, "unchanged": ROWS - 1, "rejected": 2}
    verified_again = step == "verify"
    assert did(results) == (
        dict.fromkeys(("reason", "embed", "load"), (0, ROWS)) if verified_again else {}
    )
    assert ("verify" in said) == verified_again
    assert store.exists(manifest_key(index, version))
    told = json.loads(store.get(f"indexes/{index}/{version}/results.json"))
    assert (told["live"], told["rows"]["indexed"]) == (True, ROWS - 1)
    assert told["tokens_this_run"]["reason_output"] == 8 * (ROWS - 1)
