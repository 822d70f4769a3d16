"""What an engine or a file refuses is told, is a failure, and is asked again if it may pass."""

import pytest

from tests.pipelines.rerank.conftest import NARROW, Configured, Left, Made, questions, run
from tte2_ray.errors import PartialFailure, ResourceMissingError

PICTURES = ["i0", "i3", "i6", "i9"]
SEEN = ("cascade.mode=media", "cascade.retrieve=4", "cascade.judge=4", "cascade.rewrite=0")


def test_queries_of_which_nothing_can_be_judged_fail_the_job_and_are_redriven(
    made: Made, configured: Configured
) -> None:
    rows = [*questions(3, candidates=PICTURES), *questions(1)]
    rows[-1]["query_id"] = "words"
    loaded = configured(rows, *SEEN)
    pictures, away = made.folder / "corpus", made.folder / "away"
    pictures.rename(away)
    try:
        with pytest.raises(PartialFailure, match=r"had every judgement refused \(75.0%\): 12 n"):
            run(loaded)
        left = Left(loaded, "")
        with pytest.raises(PartialFailure, match="--redrive"):
            run(loaded)
    finally:
        away.rename(pictures)
    assert left.results["exit_code"] == 7
    assert left.results["unjudged"] == 3
    assert left.results["refusals"]["refused:judge:not_found"] >= 12
    assert left.results["steps"] == {"full": 4}, "the budget was not short"
    assert {row["outcome"] for row in left.table("queries")[:3]} == {"degraded"}
    ranks = [row["rank"] for row in left.table("judgements") if row["query_id"] == "q0"]
    assert ranks == [1, 2, 3, 4], "nothing is known that would move them"

    mended = run(loaded, redrive=True)
    assert mended.results["refusals"] == {}
    assert mended.results["queries"]["answered"] == 4
    assert {row["stage"] for row in mended.table("judgements")} == {"judged"}
    reason = next(phase for phase in mended.results["phases"] if phase["name"] == "reason")
    assert reason["output_tokens"] == 0


def test_refusals_within_the_failure_budget_are_told_in_the_closing_lines(
    made: Made, configured: Configured
) -> None:
    loaded = configured(questions(2, candidates=PICTURES), *SEEN, "failure_budget=1")
    (made.folder / "corpus").rename(made.folder / "away")
    try:
        left = run(loaded)
    finally:
        (made.folder / "away").rename(made.folder / "corpus")
    assert "8 × refused judge not_found" in left.said
    assert "every judgement refused: 2 queries" in left.said


def test_a_price_that_is_too_low_is_said_and_no_redrive_is_offered_for_it(
    configured: Configured,
) -> None:
    low = (f"judge.instruction={'a word ' * 50}", "budget.tokens_per_query=500")
    loaded = configured(questions(3, instruction="Too low."), *NARROW, *low)
    with pytest.raises(PartialFailure, match=r"12 over_price.*cascade\.pricing"):
        run(loaded)
    assert Left(loaded, "").results["steps"] == {"full": 3}
    with pytest.raises(ResourceMissingError, match=r"nothing to run again.*cascade\.pricing"):
        run(loaded, redrive=True)
