"""Values are ir_measures', of the order as it was written, for every query that was asked."""

import math

import pytest

from tte2_ray.errors import ConfigError
from tte2_ray.metrics import per_query, require_measure

QRELS = {"q": {"a": 2, "b": 1, "c": 0}, "r": {"a": 1}}


def test_gain_is_linear_as_published_tables_have_it() -> None:
    found = per_query(["nDCG@5"], QRELS, {"q": ["b", "a"], "r": ["x", "a"]})["nDCG@5"]
    second = 1 / math.log2(3)
    assert found["q"] == pytest.approx((1 + 2 * second) / (2 + second))
    assert found["r"] == pytest.approx(second)


def test_the_order_decides_and_no_score_or_id() -> None:
    # trec_eval would sort equal scores by id, the last first.
    for order, right in ((["a", "z"], 1.0), (["z", "a"], 0.0)):
        assert per_query(["Success@1"], {"q": {"a": 1}}, {"q": order}) == {
            "Success@1": {"q": right}
        }


def test_every_query_of_the_qrels_has_a_value_and_no_other() -> None:
    orders = {"q": ["a"], "other": ["a"]}
    found = per_query(["Success@1", "Success@10"], QRELS, orders)
    assert found == {"Success@1": {"q": 1.0, "r": 0.0}, "Success@10": {"q": 1.0, "r": 0.0}}


def test_a_grade_of_0_is_no_answer() -> None:
    assert per_query(["Success@1"], QRELS, {"q": ["c", "a"]})["Success@1"]["q"] == 0.0


@pytest.mark.parametrize("name", ["hit@1", "", "nDCG@x", "nDCG@5 nDCG@6", "open('x')"])
def test_what_is_no_measure_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match="no measure of ir_measures"):
        require_measure(name)
