"""The order of one query's candidates, and how a short budget changes it."""

import asyncio
from typing import Any

import pytest

from tests.cascade.scripted import (
    ByName,
    Dead,
    Pictures,
    Saying,
    asked,
    candidate,
    candidates,
    cascade,
)
from tte2_ray.cascade import Asked, Band, Candidate, Cascade, Policy, Reranked
from tte2_ray.errors import ConfigError, RuntimeFailure, ValidationError

SCORES = {"q1/1": 0.2, "q1/2": 0.5, "q1/3": 0.9, "q1/4": 0.4, "q1/5": 0.1, "q1/6": 1.0}


def rerank(
    made: Cascade,
    found: tuple[Candidate, ...],
    most: int | None = None,
    *,
    query: Asked | None = None,
) -> Reranked:
    return asyncio.run(made.rerank(query or asked(), found, most))


def ranks(answer: Reranked) -> list[int]:
    return [judgement.candidate.rank for judgement in answer.judgements]


def test_the_judged_stand_by_score_and_the_others_behind_as_they_were_retrieved() -> None:
    answer = rerank(cascade(ByName(SCORES)), candidates(8))
    assert ranks(answer) == [3, 2, 4, 1, 5, 6, 7, 8]
    assert (answer.step, answer.degraded, answer.wanted_judgements) == ("full", False, 5)
    assert answer.spent == 5 * 30
    assert answer.judgements[0].score == answer.judgements[0].plain_score == 0.9
    assert answer.judgements[-1].score is None


def test_equal_scores_keep_the_order_of_the_retriever() -> None:
    answer = rerank(cascade(ByName({"q1/": 0.5, "q1/4": 0.500000001})), candidates(5))
    assert ranks(answer) == [1, 2, 3, 4, 5], "what lies within float rounding is equal"


def test_scores_fuse_with_the_retrievers() -> None:
    found = (candidate(1, score=0.9), candidate(2, score=0.5), candidate(3, score=0.45))
    scores = {"q1/1": 0.1, "q1/2": 0.4, "q1/3": 0.8}
    orders = {w: ranks(rerank(cascade(ByName(scores), fusion_weight=w), found))
              for w in (0.0, 0.2, 1.0)}  # fmt: skip
    assert orders == {0.0: [3, 2, 1], 0.2: [1, 3, 2], 1.0: [3, 1, 2]}


def test_the_best_are_rewritten_and_judged_again() -> None:
    rewriter = Saying(lambda words: f"<think>so</think>better {words.split('/')[1][0]}")
    judge = ByName(SCORES | {"better 3": 0.6, "better 2": 0.8})
    answer = rerank(cascade(judge, rewriter), candidates(8))
    assert ranks(answer) == [2, 3, 4, 1, 5, 6, 7, 8]
    first = answer.judgements[0]
    assert (first.stage, first.plain_score, first.score) == ("rewritten", 0.5, 0.8)
    assert first.rewrite == "<think>so</think>better 2"
    assert [judgement.stage for judgement in answer.judgements[2:]].count("judged") == 3
    assert answer.ledger["rewrite"].total == 2 * (40 + 12)
    assert answer.ledger["judge"].total == 7 * 30
    assert answer.spent == 2 * 52 + 7 * 30
    assert answer.ledger.total == answer.spent + 15 + 20, "the query's own ECR and vector"


def test_the_first_can_be_rewritten_before_anything_is_judged() -> None:
    rewriter = Saying(lambda words: f"better {words.split('/')[1][0]}")
    judge = ByName(SCORES | {"better 1": 0.95})
    answer = rerank(cascade(judge, rewriter, rewrite_best_of="retriever"), candidates(6))
    assert [judgement.stage for judgement in answer.judgements] == [
        "rewritten", "judged", "judged", "judged", "rewritten", "retrieved"
    ]  # fmt: skip
    assert ranks(answer) == [1, 3, 4, 5, 2, 6]
    assert answer.ledger["judge"].requests == 5, "each is judged once"


def test_a_clear_winner_is_not_rewritten() -> None:
    rewriter = Saying(lambda words: "better")
    judge = ByName(SCORES)
    assert rerank(cascade(judge, rewriter, stop_margin=0.4), candidates(5)).spent == 150
    near = rerank(cascade(judge, rewriter, stop_margin=0.41), candidates(5))
    assert near.wanted_rewrites == 2
    assert near.step == "full"


def test_judging_in_steps_ends_when_one_is_far_ahead() -> None:
    bands = (Band(least_margin=0.0, judge=6, rewrite=0),)
    stops = Policy(name="steps", bands=bands, judge_step=2, judge_stop=0.4)
    answer = rerank(cascade(ByName(SCORES), policy=stops), candidates(6))
    assert answer.ledger["judge"].requests == 4, "0.5 leads by 0.3, then 0.9 by 0.4"
    assert ranks(answer) == [3, 2, 4, 1, 5, 6]
    assert answer.step == "full", "the policy had all it wanted"


def test_a_policy_looks_at_less_where_the_retriever_is_sure() -> None:
    bands = (Band(least_margin=0.0, judge=5, rewrite=0), Band(least_margin=0.1, judge=2, rewrite=0))
    made = cascade(ByName(SCORES), policy=Policy(name="bands", bands=bands))
    assert rerank(made, candidates(6)).ledger["judge"].requests == 5
    sure = (candidate(1, score=0.9), candidate(2, score=0.7), candidate(3, score=0.69))
    assert rerank(made, sure).ledger["judge"].requests == 2


# A judgement is priced at 10 + 20 + 5 = 35 and costs 30; a rewrite is priced at 35 for its prompt,
# 20 for its output and 35 for its judgement, and costs 30, 12 and 30.
@pytest.mark.parametrize(
    ("most", "step", "judged", "rewritten"),
    [
        (0, "retrieval_order", 0, 0),
        (69, "retrieval_order", 0, 0),  # one alone would change no order
        (70, "fewer_judgements", 2, 0),
        (154, "fewer_judgements", 4, 0),
        (155, "full", 5, None),  # what four give back pays the fifth
        (239, "fewer_rewrites", 5, 0),
        (240, "fewer_rewrites", 5, 1),
        (311, "fewer_rewrites", 5, 1),
        (312, "full", 5, 2),
        (None, "full", 5, 2),
    ],
)
def test_a_short_budget_goes_down_the_ladder(
    most: int | None, step: str, judged: int, rewritten: int | None
) -> None:
    rewriter = Saying(lambda words: "better", cost=30) if rewritten is not None else None
    answer = rerank(cascade(ByName(SCORES), rewriter), candidates(6), most)
    assert answer.step == step
    assert answer.degraded == (step != "full")
    assert sum(judgement.score is not None for judgement in answer.judgements) == judged
    assert answer.notes.get("rewritten", 0) == (rewritten or 0)
    assert most is None or answer.spent <= most
    if not judged:
        assert ranks(answer) == [1, 2, 3, 4, 5, 6]


def test_rewriting_first_leaves_the_judgements_their_tokens() -> None:
    made = cascade(ByName(SCORES), Saying(lambda words: "better", cost=30),
                   rewrite_best_of="retriever")  # fmt: skip
    nothing = rerank(made, candidates(6), 69)
    assert (nothing.step, nothing.wanted_rewrites, nothing.spent) == ("retrieval_order", 2, 0)
    short = rerank(made, candidates(6), 175 + 89)
    assert (short.step, short.notes.get("rewritten")) == ("fewer_rewrites", None)
    assert short.ledger["judge"].requests == 5
    assert rerank(made, candidates(6), 175 + 90).notes["rewritten"] == 1
    assert rerank(made, candidates(6), 100).step == "fewer_judgements"


def test_what_an_engine_refuses_keeps_the_place_that_the_retriever_gave_it() -> None:
    class Refusing(ByName):
        """Its context is too short for one candidate: a case that the base never meets."""

        async def judge(self, query: Any, candidate: Any, *, most_prompt_tokens: int = 0) -> Any:
            if "q1/2" in candidate.text:
                most_prompt_tokens = 1
            return await super().judge(query, candidate, most_prompt_tokens=most_prompt_tokens)

    answer = rerank(cascade(Refusing(SCORES)), candidates(6))
    assert ranks(answer) == [3, 2, 4, 1, 5, 6]
    assert answer.judgements[1].refused == "over_price"
    assert answer.notes == {"refused:judge:over_price": 1}
    assert (answer.refusals, answer.degraded, answer.step) == (1, True, "full")
    assert answer.spent == 4 * 30, "what is refused is not served"


def test_a_candidate_without_an_ecr_is_not_asked_about() -> None:
    found = (candidate(1), candidate(2, ecr=""), candidate(3))
    answer = rerank(cascade(ByName(SCORES)), found)
    assert ranks(answer) == [3, 2, 1]
    assert answer.notes == {"refused:judge:empty_ecr": 1}


@pytest.mark.parametrize("count", [0, 1, 2])
def test_pools_may_be_small(count: int) -> None:
    rewriter = Saying(lambda words: "better")
    answer = rerank(cascade(ByName(SCORES), rewriter), candidates(count))
    assert len(answer.judgements) == count
    assert answer.step == "full"
    assert answer.wanted_judgements == (2 if count == 2 else 0), "one alone has no order to better"
    assert ranks(answer)[:1] == ([1] if count else [])


def test_a_dead_engine_is_not_an_answer() -> None:
    with pytest.raises(RuntimeFailure, match="died"):
        rerank(cascade(Dead()), candidates(5))


def test_an_engine_that_serves_above_its_price_ends_the_job() -> None:
    class Overspending(ByName):
        """Does not look at the price, as no engine of the package does."""

        async def judge(self, query: Any, candidate: Any, *, most_prompt_tokens: int = 0) -> Any:
            return await super().judge(query, candidate)

    with pytest.raises(ValidationError, match="spent 36 tokens where 35 were set aside"):
        rerank(cascade(Overspending(SCORES, cost=36)), candidates(5), 1000)
    assert rerank(cascade(Overspending(SCORES, cost=36)), candidates(5)).spent == 180


def test_without_a_budget_a_price_that_is_too_low_refuses_nothing() -> None:
    assert rerank(cascade(ByName(SCORES, cost=99)), candidates(5)).refusals == 0
    assert rerank(cascade(ByName(SCORES, cost=99)), candidates(5), 1000).refusals == 5


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"rewrite": 2}, "there is no rewriter"),
        ({"mode": "media"}, "nothing decodes them"),
        ({"rewriter": Saying(str), "rewrite_sees_media": True}, "nothing decodes them"),
        ({"mode": "media", "policy": Policy.fixed(5, 1), "shown": Pictures()}, "reads no ECRs"),
    ],
)
def test_a_missing_part_is_told_at_once(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        cascade(ByName(SCORES), **parts)
