"""The demo's own flow, where what it starts and asks are doubles: they take minutes."""

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.tools.demo.conftest import Answered
from tools.demo import __main__ as module
from tools.demo.miniature import Miniature
from tools.job import index_job
from tools.shown import Row
from tte2_ray.milvus.config import MilvusConfig


@dataclass
class Clock:
    """A double of `time`: what takes long in the demo says so."""

    now: float = 1000.0
    opening_s: float = 500.0

    def time(self) -> float:
        return self.now


@dataclass(frozen=True)
class Head:
    """A double of a Ray head."""

    address: str = "http://127.0.0.1:1"


@pytest.fixture
def clock(
    tmp_path: Path, world: Miniature, answered: Answered, monkeypatch: pytest.MonkeyPatch
) -> Clock:
    clock = Clock()
    rows = {"in": 6, "indexed": 6, "unchanged": 0, "rejected": 0}
    config = index_job().config
    fingerprints = {"ecr": config.ecr_recipe().fingerprint,
                    "embedding": config.embedding_recipe().fingerprint}  # fmt: skip
    results = {"rows": rows, "tokens_this_run": {"reason_output": 50}, "live": True,
               "fingerprints": fingerprints}  # fmt: skip

    def submit(head: Head, entrypoint: Sequence[str], log: Path, say: Any) -> None:
        (tmp_path / "demo" / "index").mkdir(parents=True, exist_ok=True)
        (tmp_path / "demo" / "index" / "results.json").write_text(json.dumps(results))

    def opened(page: Path) -> str:
        clock.now += clock.opening_s
        return str(page)

    doubles: dict[str, Any] = {
        "BUILD": tmp_path,
        "time": clock,
        "miniature": lambda folder, seed, queries: replace(world, folder=tmp_path),
        "embedded_milvus": lambda config: nullcontext(MilvusConfig(uri="http://127.0.0.1:2")),
        "local_ray": lambda say: nullcontext(Head()),
        "submit_job": submit,
        "ask": lambda *given: [answered("text-1", grades={"text-1": 1})],
        "modalities": lambda config, item_ids: Counter(image=1, text=5),
        "render": lambda *given: "<html>",
        "opened": opened,
    }
    for name, double in doubles.items():
        monkeypatch.setattr(module, name, double)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))  # of an environment built when a test says
    return clock


def run(clock: Clock, opening_s: float, monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """What the demo concludes with, where opening the page takes so long."""
    shown: list[Row] = []
    clock.opening_s = opening_s
    monkeypatch.setattr(module, "conclude", lambda target, rows: shown.extend(rows) or 0)
    module.demo(seed=1, queries_per_task=1, started=clock.now, show=True)
    return shown


def test_the_time_ends_when_the_page_was_opened(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run(clock, 500, monkeypatch)
    assert [row.name for row in shown if not row.holds] == ["run, first time"]
    assert shown[0].value == 500
    assert {row.name: row.value for row in shown}["engines on vLLM"] == 2


def test_later_runs_hold_the_time_of_the_first_beside_their_own(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def times(opening_s: float) -> dict[str, float]:
        shown = run(clock, opening_s, monkeypatch)
        return {row.name: row.value for row in shown if row.unit == "s"}

    def set_up(at: float) -> None:
        (tmp_path / "setup.stamp").touch()
        os.utime(tmp_path / "setup.stamp", (at, at))

    set_up(clock.now + 60)
    assert times(431.2) == {"run, first time": 431.2}
    assert times(100) == {"run, again": 100, "first run, setup included": 431.2}
    assert times(90) == {"run, again": 90, "first run, setup included": 431.2}
    set_up(clock.now)
    assert times(400) == {"run, first time": 400}, "it was set up anew"
    (tmp_path / "demo" / "finished.json").unlink()
    assert times(200) == {"run, first time": 200}
    assert times(80) == {"run, again": 80, "first run, set up before": 200}


def test_a_first_run_whose_time_was_not_kept_is_not_stated(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(clock, 200, monkeypatch)
    marker = tmp_path / "demo" / "finished.json"
    kept = json.loads(marker.read_text())
    del kept["first"]
    marker.write_text(json.dumps(kept))
    assert [row.name for row in run(clock, 80, monkeypatch) if row.unit == "s"] == ["run, again"]
