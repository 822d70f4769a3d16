"""The demo's own flow, where what it starts and asks are doubles: they take minutes."""

import json
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
from tools.shown import Row
from tte2_ray.milvus.config import MilvusConfig


@dataclass
class Clock:
    """A double of `time`: what takes long in the demo says so."""

    now: float = 1000.0

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
    results = {"rows": rows, "tokens_this_run": {"reason_output": 50}, "live": True}

    def submit(head: Head, entrypoint: Sequence[str], log: Path, say: Any) -> None:
        (tmp_path / "demo" / "index").mkdir(parents=True)
        (tmp_path / "demo" / "index" / "results.json").write_text(json.dumps(results))

    def opened(page: Path) -> str:
        clock.now += 500
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
        "_opened": opened,
    }
    for name, double in doubles.items():
        monkeypatch.setattr(module, name, double)
    return clock


def test_the_time_ends_when_the_page_was_opened(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Row] = []
    monkeypatch.setattr(module, "conclude", lambda target, rows: shown.extend(rows) or 0)
    module.demo(seed=1, queries_per_task=1, started=clock.now, show=True)
    assert [row.name for row in shown if not row.holds] == ["run, first time"]
    assert shown[0].value == 500
