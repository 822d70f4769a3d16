"""results.json in the form that the page takes, and the files beside it."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.pipelines.evaluate.left import leave
from tests.pipelines.evaluate.made import QUERIES, benchmark, run, task
from tte2_ray.media import MediaLimits
from tte2_ray.pipelines.evaluate.examples import Side, examples
from tte2_ray.pipelines.evaluate.outputs import (
    figure_csv,
    per_query_schema,
    published,
    write_outputs,
)
from tte2_ray.pipelines.evaluate.results import Evaluated, Policed, Told
from tte2_ray.pipelines.evaluate.systems import SYSTEMS
from tte2_ray.schema import Item

RIGHT = {"direct": 4, "tte": 20, "tte_ecrr": 30, "tte_qar_ecrr": 36, "mm_ranker": 35}


@pytest.fixture(scope="module")
def evaluated() -> Evaluated:
    of = benchmark()
    measured = {name: run(of, name, {"one": n, "two": n}, judge_tokens=n)
                for name, n in RIGHT.items()}  # fmt: skip
    told = {
        name: Told(system=SYSTEMS[name], parameters=1000 * (i + 1),
                   budget={"kind": "none", "tokens": None}, runs=(f"runs/{name}",))
        for i, name in enumerate(measured)
    }  # fmt: skip
    sweep = [run(of, "tte_qar_ecrr", {"one": n, "two": n}, judge_tokens=n, budget=b)
             for n, b in ((20, 0), (30, 64), (28, 128))]  # fmt: skip
    policies = [
        Policed(name=f"fixed {n}", fixed=True,
                measured=run(of, "p", {"one": n, "two": n}, judge_tokens=2 * n))
        for n in (30, 36)
    ]  # fmt: skip
    policies.append(
        Policed(name="calibrated", fixed=False, measured=run(of, "p", {"one": 36, "two": 35}))
    )
    models = {"judge": {"name": "mini:judge", "version": "1", "parameters": 9}}
    return Evaluated(benchmark=of, items=3, measured=measured, told=told, sweep=sweep,
                     policies=policies, models=models)  # fmt: skip


@pytest.fixture(scope="module")
def described(evaluated: Evaluated) -> dict[str, Any]:
    ended = {"outcome": "done", "exit_code": 0, "message": ""}
    found: dict[str, Any] = json.loads(json.dumps({**ended, **evaluated.as_json(12.5)}))
    return found


def named(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if row["name"] == name)


def test_each_step_stands_there_with_its_paired_interval(described: Mapping[str, Any]) -> None:
    steps = {(row["before"], row["after"]): row["difference"] for row in described["steps"]}
    assert {pair: round(d["value"], 3) for pair, d in steps.items()} == {
        ("direct", "tte"): 0.4, ("tte", "tte_ecrr"): 0.25, ("tte_ecrr", "tte_qar_ecrr"): 0.15,
        ("mm_ranker", "tte_qar_ecrr"): 0.025,
    }  # fmt: skip
    assert all(d["low"] <= d["value"] <= d["high"] for d in steps.values())
    assert steps["direct", "tte"]["n"] == 2 * QUERIES
    assert described["warnings"] == []


def test_a_worse_stage_is_warned_of(evaluated: Evaluated) -> None:
    weak = run(evaluated.benchmark, "tte_ecrr", {"one": 40, "two": 0})
    measured = {**evaluated.measured, "tte_ecrr": weak}
    found = replace(evaluated, measured=measured).as_json(1.0)["warnings"]
    assert [(w["task"], w["before"], w["after"], w["clear"]) for w in found] == [
        ("two", "tte", "tte_ecrr", True), ("one", "tte_ecrr", "tte_qar_ecrr", True),
    ]  # fmt: skip


def test_systems_tell_quality_tokens_and_size(described: Mapping[str, Any]) -> None:
    assert [row["name"] for row in described["systems"]] == list(RIGHT)
    full = named(described["systems"], "tte_qar_ecrr")
    assert full["quality"]["value"] == pytest.approx(36 / QUERIES)
    assert full["tokens_per_query"]["value"] == 46
    assert full["reranking_tokens_per_query"]["value"] == 36
    assert full["spent"]["judge"]["prompt_text"] == 36
    assert (full["label"], full["after"], full["parameters"]) == (
        "TTE + QAR + ECRR", "tte_ecrr", 4000,
    )  # fmt: skip
    assert full["steps"] == {"full": 2 * QUERIES}


def test_the_sweep_tells_whether_quality_falls(described: Mapping[str, Any]) -> None:
    assert [row["budget"] for row in described["sweep"]] == [0, 64, 128]
    changes = [row["change"] for row in described["sweep"]]
    assert changes[0] is None
    assert [round(c["value"], 3) for c in changes[1:]] == [0.25, -0.05]


def test_policies_are_held_against_the_best_fixed_numbers(described: Mapping[str, Any]) -> None:
    found = {row["name"]: row["difference"] for row in described["policies"]}
    assert found["fixed 36"] is None
    assert round(found["fixed 30"]["value"], 3) == -0.15
    assert round(found["calibrated"]["value"], 4) == -0.0125


def test_the_figure_has_every_point(described: Mapping[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(figure_csv(described))))
    assert [row["series"] for row in rows] == (
        ["systems"] * 5 + ["budgets: tokens_per_query"] * 3 + ["policies"] * 3
    )
    assert rows[3]["point"] == "TTE + QAR + ECRR"
    assert (float(rows[3]["tokens"]), float(rows[3]["quality"])) == (46.0, 0.9)
    assert float(rows[3]["quality_low"]) < 0.9 < float(rows[3]["quality_high"])


def test_all_files_are_written(
    tmp_path: Path, evaluated: Evaluated, described: Mapping[str, Any]
) -> None:
    write_outputs(tmp_path, evaluated, described, [], MediaLimits())
    assert json.loads((tmp_path / "results.json").read_text()) == described
    table = pq.read_table(tmp_path / "per-query.parquet")
    assert table.schema.equals(per_query_schema(), check_metadata=True)
    assert table.num_rows == 2 * QUERIES * (5 + 3 + 3)
    rows = table.to_pylist()
    of_full = [r for r in rows if (r["series"], r["system"]) == ("systems", "tte_qar_ecrr")]
    assert sum(r["value"] for r in of_full) == 72
    assert {r["judge_prompt_text"] for r in of_full} == {36}
    assert {r["budget"] for r in rows} == {-1, 0, 64, 128}
    page = (tmp_path / "report.html").read_text()
    HTMLParser().feed(page)
    for system in SYSTEMS.values():
        assert system.label in page
    assert not list(tmp_path.glob(".*")), "no draft is left"


def test_scores_are_laid_out_as_the_public_ones(tmp_path: Path, evaluated: Evaluated) -> None:
    pages = task("pages", measure="nDCG@5", type="visdoc", modality="visdoc")
    public = replace(benchmark(task("one"), pages), name="mmeb-v2")
    found = published(public, run(public, "tte", {"one": 30, "pages": 40}))
    assert found["metrics"] == {
        "image": {"one": {"hit@1": 0.75, "num_pred": 40, "num_data": 40}},
        "visdoc": {"pages": {"ndcg_linear@5": 1.0, "num_pred": 40, "num_data": 40}},
    }
    assert found["metadata"] == {"model_name": "tte"}


def test_examples_are_wins_and_losses_of_a_stage(tmp_path: Path) -> None:
    of = benchmark()
    before = run(of, "tte", {"one": 20, "two": 20})
    after = run(of, "tte_ecrr", {"one": 22, "two": 18})
    names = [name for one in of.tasks for name in one.ids]
    plain = leave(tmp_path, "a", {name: ["near", "right", "wrong"] for name in names})
    judged = leave(tmp_path, "b", {name: ["right", "near", "wrong"] for name in names},
                   scores={name: {"right": 0.9, "near": 0.2} for name in names},
                   rewrites={"right": "<think>seen</think>it is right"})  # fmt: skip

    def corpus(ids: Any) -> dict[str, dict[str, Any]]:
        return {i: {"item": Item(item_id=i, text=f"shows {i}"), "ecr": f"ecr of {i}"} for i in ids}

    sides = (
        Side(measured=before, files={"all": plain}),
        Side(measured=after, files={"all": judged}),
    )
    found = examples(of, *sides, {"all": corpus}, most=3)
    assert [(e.kind, e.task, e.shown.query.item_id) for e in found] == [
        ("win", "one", "one-20"), ("win", "one", "one-21"),
        ("loss", "two", "two-18"), ("loss", "two", "two-19"),
    ]  # fmt: skip
    won = found[0]
    assert (won.value_before, won.value_after) == (0.0, 1.0)
    first = won.shown.candidates[0]
    assert (first.item.text, first.ecr, first.rewrite) == (
        "shows right", "ecr of right", "<think>seen</think>it is right",
    )  # fmt: skip
    assert (first.mark, first.was, first.now, first.judge_score) == ("right", 2, 1, 0.9)
    assert won.shown.candidates[2].judge_score is None
    assert won.shown.allowed is None


def test_what_led_before_is_shown_wherever_it_went(tmp_path: Path) -> None:
    of = benchmark(task("one"))
    order = ["b", "c", "d", "e", "a"]
    plain = leave(tmp_path, "a", {name: sorted(order) for name in of.tasks[0].ids})
    judged = leave(tmp_path, "b", dict.fromkeys(of.tasks[0].ids, order))
    sides = (Side(measured=run(of, "tte", {"one": 0}), files={"all": plain}),
             Side(measured=run(of, "tte_ecrr", {"one": 1}), files={"all": judged}))  # fmt: skip
    found = examples(of, *sides, {"all": lambda _: {}}, most=3)
    shown = [(c.item.item_id, c.was, c.now) for c in found[0].shown.candidates]
    assert shown == [("b", 2, 1), ("c", 3, 2), ("d", 4, 3), ("a", 1, 5)]
