"""Runs and qrels in the format that other tools score."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tte2_ray.errors import ValidationError
from tte2_ray.metrics import read_qrels, read_run, run_lines

IDS = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=8)


@given(st.dictionaries(IDS, st.lists(IDS, unique=True, min_size=1, max_size=5), max_size=4))
def test_a_run_comes_back_in_its_order(orders: dict[str, list[str]]) -> None:
    # One score for all: only the rank tells the order.
    lines = [
        line
        for query, items in orders.items()
        for line in run_lines(query, [(item, 0.5) for item in items], "tag")
    ]
    assert read_run(reversed(lines)) == orders


@given(
    st.dictionaries(
        IDS, st.dictionaries(IDS, st.integers(0, 3), min_size=1, max_size=4), max_size=4
    )
)
def test_qrels_are_read_as_they_were_written(grades: dict[str, dict[str, int]]) -> None:
    lines = [f"{query} 0 {item} {grade}" for query, of_query in grades.items()
             for item, grade in of_query.items()]  # fmt: skip
    assert read_qrels(lines) == grades


def test_ir_measures_reads_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    import ir_measures

    path = tmp_path_factory.mktemp("run") / "run.trec"
    path.write_text("\n".join(run_lines("q", [("a", 0.75), ("b", 0.5)], "x")) + "\n")
    scored = [(s.query_id, s.doc_id, s.score) for s in ir_measures.read_trec_run(str(path))]
    assert scored == [("q", "a", 0.75), ("q", "b", 0.5)]


@pytest.mark.parametrize("wrong", ["", "two words", "tab\tbed", " led"])
def test_ids_that_would_break_a_line_are_refused(wrong: str) -> None:
    for query, item, tag in ((wrong, "a", "t"), ("q", wrong, "t"), ("q", "a", wrong)):
        with pytest.raises(ValidationError, match="no TREC run takes it"):
            list(run_lines(query, [(item, 1.0)], tag))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["q Q0 a 1 0.5"], r"run\.trec, line 1: 5 fields, not 6"),
        (["", "q Q0 a one 0.5 t"], r"line 2: 'one' is no whole number"),
        (["q Q0 a 1 0.5 t", "q Q0 a 2 0.4 t"], "item a comes twice for query q"),
    ],
)
def test_a_broken_run_is_named_with_its_line(lines: list[str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        read_run(lines, "run.trec")
