"""Values, tokens, paired differences and warnings, of runs that were made by hand."""

import csv
import io

import pytest

from tests.pipelines.evaluate.made import QUERIES, benchmark, row, run, task
from tte2_ray.cascade.ledger import STAGES
from tte2_ray.errors import ValidationError
from tte2_ray.pipelines.evaluate.compare import MEAN, changes, stages
from tte2_ray.pipelines.evaluate.measured import measure
from tte2_ray.pipelines.evaluate.table import as_csv, as_text, group_rows, task_rows, top_rows

LABELS = {"direct": "direct embedding", "tte": "TTE", "tte_ecrr": "TTE + ECRR"}


def test_quality_is_the_mean_over_tasks() -> None:
    found = run(benchmark(), "tte", {"one": QUERIES, "two": QUERIES // 2})
    assert found.quality.value == pytest.approx(0.75)
    assert found.quality.n == 2 * QUERIES
    assert found.top10["two"].mean() == 1.0


def test_tokens_are_counted_once_and_a_budget_bounds_some_of_them() -> None:
    found = run(benchmark(), "tte", {"one": 1, "two": 1}, judge_tokens=7)
    assert found.tokens.value == 17, "10 of the query's ECR, cached ones among them, and 7"
    assert found.reranking_tokens.value == 7
    spent = found.mean_spent()
    assert set(spent) == set(STAGES)
    assert spent["query_ecr"] == {"prompt_text": 6, "prompt_visual": 3, "output": 1, "cached": 4}
    assert spent["judge"]["prompt_text"] == 7


def test_a_graded_task_is_measured_by_its_own_measure() -> None:
    pages = task("pages", measure="nDCG@5", qrels={f"pages-{n}": {"right": 2, "wrong": 1}
                                                  for n in range(QUERIES)})  # fmt: skip
    found = run(benchmark(pages), "tte", {"pages": 0})
    assert 0 < found.values["pages"][0] < 1
    assert found.top1["pages"][0] == 1.0, "a lower grade answers, too"


def test_queries_that_were_lost_end_the_evaluation() -> None:
    of = benchmark()
    names = [name for one in of.tasks for name in one.ids]
    orders = {name: ["right"] for name in names[1:]}
    with pytest.raises(ValidationError, match="1 queries are in neither run nor ledger, one-0"):
        measure(of, "tte", orders, [])
    told = measure(of, "tte", orders, [], rejected=1)
    assert told.values["one"][0] == 0.0, "what was rejected found nothing"
    found_nothing = measure(of, "tte", orders, [row("one-0", "query_ecr")])
    assert found_nothing.values["one"][0] == 0.0


def test_each_stage_is_compared_with_the_one_before() -> None:
    of = benchmark()
    measured = {
        "direct": run(of, "direct", {"one": 5, "two": 5}),
        "tte": run(of, "tte", {"one": 30, "two": 20}),
        "tte_ecrr": run(of, "tte_ecrr", {"one": 40, "two": 2}),
    }
    pairs = [("direct", "tte"), ("tte", "tte_ecrr"), ("tte_ecrr", "never_run")]
    means, worse = stages(measured, pairs)
    assert [(one.before, one.after, one.difference.low > 0) for one in means] == [
        ("direct", "tte", True), ("tte", "tte_ecrr", False),
    ]  # fmt: skip
    assert means[0].difference.value == pytest.approx(20 / QUERIES)
    assert [(one.scope, one.after, one.difference.high < 0) for one in worse] == [
        (MEAN, "tte_ecrr", False), ("two", "tte_ecrr", True),
    ]  # fmt: skip


def test_a_budget_is_held_against_the_best_of_those_below_it() -> None:
    of = benchmark()
    sweep = [run(of, "tte_ecrr", {"one": right, "two": right}, budget=place)
             for place, right in enumerate((4, 8, 6, 6))]  # fmt: skip
    found = changes(sweep)
    assert found[0] is None
    assert [one.value if one else None for one in found[1:]] == pytest.approx([0.1, -0.05, -0.05])


def test_a_weak_judge_is_seen_in_the_table() -> None:
    of = benchmark()
    measured = {
        "tte": run(of, "tte", {"one": 30, "two": 20}),
        "tte_ecrr": run(of, "tte_ecrr", {"one": 40, "two": 2}),
    }
    _, worse = stages(measured, [("tte", "tte_ecrr")])
    text = as_text(task_rows(of, measured), group_rows(of, measured), LABELS, worse)
    lines = text.splitlines()
    assert lines[0].split() == ["task", "measure", "n", "TTE", "TTE", "+", "ECRR"]
    assert "1.000 " in lines[1]
    assert "0.050!" in lines[2]
    assert lines[-1].startswith("WARNING two: TTE + ECRR is worse than TTE by 0.450 (-")
    assert "may be chance" not in lines[-1]
    assert "WARNING mean over tasks" in text
    assert "may be chance" in text


def test_the_csv_holds_every_value_with_its_interval() -> None:
    of = benchmark()
    measured = {name: run(of, name, {"one": n, "two": 40}) for n, name in ((0, "direct"),
                                                                         (20, "tte"))}  # fmt: skip
    table = list(csv.DictReader(io.StringIO(as_csv(task_rows(of, measured),
                                                   group_rows(of, measured)))))  # fmt: skip
    assert [line["task"] for line in table] == ["one", "two", "mean: image", "mean: all"]
    assert (table[0]["direct"], table[0]["tte"], table[1]["tte"]) == ("0.0000", "0.5000", "1.0000")
    assert float(table[0]["tte_low"]) < 0.5 < float(table[0]["tte_high"])
    assert table[3]["tte"] == "0.7500"


def test_groups_say_of_how_many_they_are_in_the_full_benchmark() -> None:
    of = benchmark()
    measured = {"tte": run(of, "tte", {"one": 40, "two": 40})}
    assert [(g["name"], g["tasks"], g["of"]) for g in group_rows(of, measured)] == [
        ("image", 2, None), ("all", 2, None),
    ]  # fmt: skip
    from dataclasses import replace

    public = replace(of, name="mmeb-v2")
    found = group_rows(public, measured)
    assert [(g["name"], g["of"]) for g in found] == [("image", 36), ("all", 78)]
    text = as_text(task_rows(public, measured), found, LABELS, [])
    assert "mean: image of 36" in text


def test_first_ranks_are_told_by_type_of_task() -> None:
    of = benchmark(task("one"), task("two"), task("three", type="grounding"))
    found = top_rows(of, {"tte": run(of, "tte", {"one": 40, "two": 0, "three": 10})})
    assert [(g["type"], g["queries"]) for g in found] == [("qa", 80), ("grounding", 40)]
    assert found[0]["values"]["tte"]["top1"]["value"] == pytest.approx(0.5)
    assert found[1]["values"]["tte"]["top10"]["value"] == 1.0
