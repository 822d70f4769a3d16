"""The systems, a stage more each; what they weigh; and the log that all of them answer."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.pipelines.evaluate.made import query, task
from tte2_ray.artifacts.query_log import read_log
from tte2_ray.artifacts.query_log.rows import LogRow
from tte2_ray.cascade import CascadeConfig, Policy, Query
from tte2_ray.cascade.policy_file import policy_of
from tte2_ray.engines import EngineConfig
from tte2_ray.errors import ConfigError, ValidationError
from tte2_ray.pipelines.evaluate.log_file import write_log
from tte2_ray.pipelines.evaluate.parameters import parameters
from tte2_ray.pipelines.evaluate.systems import FULL, PAIRS, SYSTEMS, in_order_of_work, named
from tte2_ray.schema import Item

BASE = CascadeConfig(retrieve=30, judge=10, rewrite=4, policy="somewhere.json")


def test_each_system_is_a_stage_more_than_the_one_before() -> None:
    assert list(SYSTEMS) == ["direct", "tte", "tte_ecrr", "tte_qar_ecrr", "mm_ranker"]
    assert PAIRS == (("direct", "tte"), ("tte", "tte_ecrr"), ("tte_ecrr", "tte_qar_ecrr"),
                     ("mm_ranker", "tte_qar_ecrr"))  # fmt: skip
    looks = {
        name: (c.mode, c.judge, c.rewrite if c.rewrites else 0, c.policy)
        for name, c in ((n, s.cascade(BASE)) for n, s in SYSTEMS.items())
    }
    assert looks == {
        "direct": ("ecr", 0, 0, ""),
        "tte": ("ecr", 0, 0, ""),
        "tte_ecrr": ("ecr", 10, 0, "somewhere.json"),
        "tte_qar_ecrr": ("ecr", 10, 4, "somewhere.json"),
        "mm_ranker": ("media", 30, 0, ""),
    }
    assert policy_of(SYSTEMS["tte"].cascade(BASE)) == Policy.fixed(0, 0)


def test_what_asks_most_is_run_first() -> None:
    order = [system.name for system in in_order_of_work(list(SYSTEMS.values()))]
    assert order == ["mm_ranker", "tte_ecrr", "tte_qar_ecrr", "tte", "direct"]


def test_models_at_work_online() -> None:
    assert SYSTEMS["direct"].roles == ("direct",)
    assert SYSTEMS["tte"].roles == ("reasoner", "embedder")
    assert SYSTEMS[FULL].roles == ("reasoner", "embedder", "judge", "rewriter")
    assert SYSTEMS["mm_ranker"].roles == ("reasoner", "embedder", "judge")


def test_systems_are_named_rightly() -> None:
    assert [s.name for s in named(["mm_ranker", "tte"])] == ["tte", "mm_ranker"]
    with pytest.raises(ConfigError, match=r"has no ecrr: name some of direct, tte"):
        named(["tte", "ecrr"])
    with pytest.raises(ConfigError, match="is empty"):
        named([])


def test_parameters_are_counted_from_the_headers(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    save_file({"a": np.zeros((3, 5), np.float32), "b": np.zeros((), np.float32)},
              tmp_path / "model-1.safetensors")  # fmt: skip
    save_file({"c": np.zeros((2, 2), np.float16)}, tmp_path / "model-2.safetensors")
    assert parameters(EngineConfig(model=str(tmp_path))) == 3 * 5 + 1 + 4
    assert parameters(EngineConfig(kind="fake")) == 0
    assert parameters(EngineConfig(model="someone/not-here", revision="1")) == 0
    (tmp_path / "model-2.safetensors").write_bytes(b"\xff" * 20)
    with pytest.raises(ValidationError, match="no whole safetensors file"):
        parameters(EngineConfig(model=str(tmp_path)))


def test_the_miniature_is_as_small_as_it_says() -> None:
    assert 500_000 < parameters(EngineConfig(model="mini:reasoner")) < 3_000_000


def test_the_log_is_read_by_the_job_as_it_was_meant(tmp_path: Path) -> None:
    frames = ("file:///v/1.jpg", "file:///v/2.jpg")
    asked = (
        query("q-1", ("right", "near")),
        Query(instruction="Look.", pool=("right",),
              given=Item(item_id="q-2", text="two", image_uris=frames)),
        Query(instruction="Read.", pool=("right",),
              given=Item(item_id="q-3", document_uri="file:///d.pdf", document_page=3)),
    )  # fmt: skip
    one = task("t", queries=asked, qrels={q.given.item_id: {"right": 1} for q in asked})
    path = tmp_path / "below" / "log.jsonl"
    assert write_log(path, [one]) == 3
    rows = [row for row in read_log(str(path)) if isinstance(row, LogRow)]
    assert [(r.given.item_id, r.instruction, r.candidates) for r in rows] == [
        (q.given.item_id, q.instruction, q.pool) for q in asked
    ]
    assert [r.given.image_uris for r in rows] == [(), frames, ()]
    assert (rows[2].given.document_uri, rows[2].given.document_page) == ("file:///d.pdf", 3)
    written = path.stat().st_mtime_ns
    write_log(path, [one])
    assert path.stat().st_mtime_ns == written, "what stands there is left alone"
    assert "right" not in json.loads(path.read_text().splitlines()[0]).get("qrels", "")
