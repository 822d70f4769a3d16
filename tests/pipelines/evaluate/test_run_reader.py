"""What a run left is read by the query that asked: equal queries share an answer and its price."""

from pathlib import Path

import pytest

from tests.pipelines.evaluate.left import leave
from tte2_ray.errors import ResourceMissingError
from tte2_ray.pipelines.evaluate import dev
from tte2_ray.pipelines.evaluate.calibrate import read_looked
from tte2_ray.pipelines.evaluate.run_reader import RunReader


@pytest.fixture
def files(tmp_path: Path) -> RunReader:
    return leave(tmp_path, "r", {"q1": ["b", "a"], "q2": ["c"]}, again={"q3": "q1"},
                 rejected=["q4"])  # fmt: skip


def test_every_query_that_was_asked_has_its_order(files: RunReader) -> None:
    assert files.orders() == {"q1": ["b", "a"], "q2": ["c"], "q3": ["b", "a"]}
    assert files.rejected == 1
    assert files.steps == {"full": 3}


def test_ids_with_blanks_are_those_of_the_log_and_the_index(tmp_path: Path) -> None:
    run = leave(tmp_path, "r", {"q 1": ["my pictures/1.png", "a%20b"]})
    assert run.orders() == {"q 1": ["my pictures/1.png", "a%20b"]}


def test_who_asks_the_same_again_pays_the_same(files: RunReader) -> None:
    spent = [(r["query_id"], r["prompt_text"]) for r in files.ledger() if r["stage"] == "judge"]
    assert spent == [("q1", 30), ("q2", 30), ("q3", 30)]


def test_judgements_of_some_queries_in_their_final_order(files: RunReader) -> None:
    found = files.judgements(["q3", "q4", "unknown"])
    assert {query: [row["item_id"] for row in rows] for query, rows in found.items()} == {
        "q3": ["b", "a"], "q4": [],
    }  # fmt: skip
    assert {row["query_id"] for row in found["q3"]} == {"q3"}, "whoever asked it first"
    assert set(files.judgements()) == {"q1", "q2", "q3", "q4"}


def test_queries_that_ask_the_same_are_calibrated_on_each(tmp_path: Path) -> None:
    scores = {"q1": {"a": 0.2, "b": 0.9}}
    runs = [leave(tmp_path, name, {"q1": ["b", "a"]}, again={"q3": "q1"}, scores=scores)
            for name in ("judged", "rewritten")]  # fmt: skip
    found = read_looked(*(dev._rows(run, depth=2) for run in runs))
    assert {query: [each.judged.score for each in looked.candidates]
            for query, looked in found.items()} == {"q1": [0.2, 0.9], "q3": [0.2, 0.9]}  # fmt: skip


def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    files = leave(tmp_path, "r", {"q1": ["a"]})
    missing = RunReader(files.store, "runs/other")
    with pytest.raises(ResourceMissingError, match="other"):
        missing.orders()
