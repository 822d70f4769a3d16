"""The log of the demo repeats itself as real ones do, and its table reads the files of a run."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tools.demo.miniature import Question
from tools.rerank_demo.log import write_log
from tools.rerank_demo.measure import rows
from tools.shown import Row
from tte2_ray.cascade import Query
from tte2_ray.schema import Item


def question(name: str) -> Question:
    query = Query(instruction="Find a star.", given=Item(item_id=name, text=f"star {name}"))
    return Question(query=query, task="t", grades={f"{name}-good": 2, f"{name}-near": 1})


@pytest.fixture
def questions() -> dict[str, Question]:
    return {name: question(name) for name in ("a", "b", "c", "d")}


def test_each_question_is_asked_and_some_far_more_often(
    tmp_path: Path, questions: dict[str, Question]
) -> None:
    asked = write_log(tmp_path / "log.jsonl", list(questions.values()), 60, 7)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["query_id"] for line in lines] == list(asked)
    assert all(line["text"] == f"star {asked[line['query_id']]}" for line in lines)
    often = Counter(asked.values())
    assert often.keys() == questions.keys()
    assert max(often.values()) > 2 * min(often.values())
    assert asked == write_log(tmp_path / "log.jsonl", list(questions.values()), 60, 7)


def a_run(folder: Path, spent: int = 90, rejected: bool = False) -> dict[str, str]:
    """The files of a run over three rows of two questions; retrieval had the second one wrong.

    Args:
        folder: for the files.
        spent: by the second question.
        rejected: whether a third question, of a row of its own, could not be asked.
    """
    asked = {"r0": "a", "r1": "b", "r2": "b"} | ({"r3": "c"} if rejected else {})
    results = {"in": len(asked), "distinct": 2, "answered": 2, "degraded": 1,
               "rejected": int(rejected)}  # fmt: skip
    (folder / "results.json").write_text(json.dumps({"queries": results}))
    (folder / "run.trec").write_text(
        "r0 Q0 a-good 1 0.9 x\nr1 Q0 b-good 1 0.9 x\nr1 Q0 b-near 2 0.1 x\nr2 Q0 b-good 1 0.9 x\n"
    )
    judged = [("r0", "a-good", 1), ("r1", "b-good", 2), ("r1", "b-near", 1)]
    table = pa.Table.from_pylist([dict(zip(("query_id", "item_id", "rank"), row, strict=True))
                                  for row in judged])  # fmt: skip
    pq.write_table(table, folder / "judgements.parquet")
    of = [("r0", "r0", 40), ("r1", "r1", spent), ("r2", "r1", spent)]
    of += [("r3", "r3", 0)] if rejected else []
    table = pa.Table.from_pylist([dict(zip(("query_id", "asked_as", "spent"), row, strict=True))
                                  for row in of])  # fmt: skip
    pq.write_table(table, folder / "queries.parquet")
    return asked


def the_rows(folder: Path, asked: dict[str, str], questions: dict[str, Question]) -> dict[str, Row]:
    """Of a budget of 100 tokens, by what stands behind it in their names."""
    of_log = {name: questions[name] for name in asked.values()}
    return {row.name.partition(": ")[2]: row for row in rows(folder, 100, asked, of_log)}


def test_the_table_tells_what_the_run_did(tmp_path: Path, questions: dict[str, Question]) -> None:
    found = the_rows(tmp_path, a_run(tmp_path), questions)
    assert all(row.holds for row in found.values())
    assert found["queries in"].value == 3
    assert found["most that a query spent"].value == 90
    assert found["spent by a distinct query"].value == 65
    assert found["right at 1, as retrieved"].value == pytest.approx(1 / 3)
    assert found["right at 1, reranked"].value == 1


def test_rows_that_ask_the_same_are_one_for_the_interval(
    tmp_path: Path, questions: dict[str, Question]
) -> None:
    found = the_rows(tmp_path, a_run(tmp_path), questions)
    seen = found["right at 1, as retrieved"]
    # Of two questions one is wrong, so that both drawn are right, or wrong, every fourth time.
    assert (seen.n, seen.low, seen.high) == (2, 0, 1)
    once = found["right at 1, as retrieved, of distinct queries"]
    assert (once.value, once.n) == (0.5, 2)


def test_a_rejected_query_is_wrong_and_fails(
    tmp_path: Path, questions: dict[str, Question]
) -> None:
    found = the_rows(tmp_path, a_run(tmp_path, rejected=True), questions)
    assert [name for name, row in found.items() if not row.holds] == [
        "distinct queries", "queries rejected",
    ]  # fmt: skip
    assert found["right at 1, as retrieved"].value == pytest.approx(1 / 4)
    assert found["right at 1, reranked"].value == pytest.approx(3 / 4)
    assert found["right at 1, reranked, of distinct queries"].value == pytest.approx(2 / 3)


def test_a_query_above_its_budget_fails(tmp_path: Path, questions: dict[str, Question]) -> None:
    asked = a_run(tmp_path, spent=101)
    failing = [row.name for row in rows(tmp_path, 100, asked, questions) if not row.holds]
    assert failing == ["budget 100: distinct queries", "budget 100: most that a query spent"]
