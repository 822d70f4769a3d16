"""Candidates of one query that read the same: one is asked about, the others share its answer."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.cascade.scripted import ByName, Pictures, Saying, asked, candidates, cascade
from tte2_ray.cascade import Candidate, KeptInMemory, Reranked
from tte2_ray.engines import Judged, ModelInput

SCORES = {"q1/1": 0.2, "q1/2": 0.5, "q1/3": 0.9, "q1/4": 0.4}


class Unsteady(ByName):
    """Answers late, the first last, and scores each request a little above the one before: a model
    in batches does so within float rounding, which no test can foresee."""

    async def judge(
        self, query: ModelInput, candidate: ModelInput, *, most_prompt_tokens: int = 0
    ) -> Judged:
        judged = await super().judge(query, candidate, most_prompt_tokens=most_prompt_tokens)
        place = len(self.read)
        for _ in range(20 - place):
            await asyncio.sleep(0)
        return replace(judged, score=judged.score + place / 1000)


def found() -> tuple[Candidate, ...]:
    """Six candidates; the fourth and the sixth are twins of the second."""
    plain = candidates(6)
    same = {"ecr": plain[1].ecr, "ecr_key": plain[1].ecr_key}
    return tuple(replace(each, **same) if each.rank in (4, 6) else each for each in plain)


def rerank(judge: Any, rewriter: Any = None, *, most: int | None = None, **more: Any) -> Reranked:
    made = cascade(judge, rewriter, judge=6, **more)
    return asyncio.run(made.rerank(asked(), found(), most))


@pytest.mark.parametrize("mode", ["ecr", "media"])
def test_twins_are_asked_about_once_and_keep_the_order_of_the_retriever(mode: str) -> None:
    judge = Unsteady({"q1/": 0.5})
    answer = rerank(judge, mode=mode, shown=Pictures())
    assert len(judge.read) == 4
    assert len({each.score for each in answer.judgements if each.candidate.rank % 2 == 0}) == 1
    assert [each.candidate.rank for each in answer.judgements] == [5, 3, 2, 4, 6, 1]
    assert answer.notes == {"twin:judge": 2}
    assert (answer.spent, answer.ledger["judge"].kept) == (180, 60), "charged as what is kept is"


def test_what_was_kept_orders_twins_as_the_run_did_that_asked() -> None:
    kept = KeptInMemory()
    first = rerank(Unsteady({"q1/": 0.5}), kept=kept)
    again = rerank(Unsteady({"q1/": 0.1}), kept=kept)
    assert again.to_rows() == first.to_rows()
    assert rerank(Unsteady({"q1/": 0.5})).to_rows() == first.to_rows()


def test_twins_are_rewritten_once() -> None:
    rewriter = Saying(lambda words: f"better {words.split('/')[1][0]}")
    judge = ByName({"q1/": 0.5, "better": 0.8})
    answer = rerank(judge, rewriter, rewrite=6)
    assert len(rewriter.read) == 4
    assert answer.notes == {"rewritten": 6, "twin:judge": 4, "twin:rewrite": 2}
    assert all(each.rewrite == "better 2" for each in answer.judgements
               if each.candidate.rank % 2 == 0)  # fmt: skip


def test_a_twin_asks_for_itself_where_the_first_was_refused() -> None:
    """The price of the first is too low: its counts are not those of its twin."""
    cheap = tuple(replace(each, ecr_tokens=1) if each.rank == 2 else each for each in found())
    judge = ByName(SCORES)
    answer = asyncio.run(cascade(judge, judge=6).rerank(asked(), cheap, 1000))
    assert answer.notes == {"refused:judge:over_price": 1, "twin:judge": 1}
    assert len(judge.read) == 4


@pytest.mark.parametrize("most", [None, 105, 140, 400])
def test_a_budget_buys_as_much_as_it_would_of_others(most: int | None) -> None:
    others = asyncio.run(cascade(ByName(SCORES), judge=6).rerank(asked(), candidates(6), most))
    answer = rerank(ByName(SCORES), most=most)
    assert (answer.step, answer.spent) == (others.step, others.spent)


def test_the_time_of_twins_is_told_and_that_of_kept_answers_is_not() -> None:
    kept = KeptInMemory()
    first = rerank(Unsteady({"q1/": 0.5}), kept=kept)
    assert (first.notes, set(first.seconds)) == ({"twin:judge": 2}, {"judge"})
    again = rerank(Unsteady({"q1/": 0.5}), kept=kept)
    assert (again.notes, again.seconds) == ({"kept:judge": 6}, {})


def test_twins_that_get_no_score_are_asked_about_once_as_well() -> None:
    judge = ByName({"q1/": float("nan")})
    answer = rerank(judge)
    assert len(judge.read) == 4
    assert answer.notes == {"refused:judge:engine_rejected": 6, "twin:judge": 2}
