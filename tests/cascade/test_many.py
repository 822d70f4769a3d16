"""Many queries under one budget: who gets what, and what is left for the next."""

import asyncio

import pytest

from tests.cascade.scripted import ByName, Dead, asked, candidate, candidates, cascade
from tte2_ray.cascade import BudgetConfig, Candidate, Reranked, rerank_many
from tte2_ray.cascade.many import Retrieved
from tte2_ray.errors import RuntimeFailure

# A judgement is priced at 35 tokens and costs 30, so that 5 of them are 175 and 150.


def question(name: str, lead: float) -> Retrieved:
    """A query whose first candidate leads by so much."""
    found: tuple[Candidate, ...] = candidates(6, of=name, score=0.5)
    return asked(name), (candidate(1, of=name, score=0.5 + lead), *found[1:])


def rerank(queries: list[Retrieved], **budget: int) -> list[Reranked]:
    made = cascade(ByName({"/3": 0.9}))
    return asyncio.run(rerank_many(made, queries, BudgetConfig(**budget)))


def judged(answers: list[Reranked]) -> list[int]:
    return [answer.ledger["judge"].requests for answer in answers]


def test_a_hard_budget_is_the_same_for_each() -> None:
    answers = rerank([question("q1", 0.3), question("q2", 0.0)], tokens_per_query=100)
    assert judged(answers) == [3, 3], "105 are asked for the three, the first two leave ten"
    assert [answer.query_id for answer in answers] == ["q1", "q2"]


def test_a_mean_goes_to_the_queries_that_are_in_doubt() -> None:
    queries = [question("q1", 0.3), question("q2", 0.0), question("q3", 0.1)]
    # Each gets its first two judgements (70); the rest is enough for one more step of one query.
    answers = rerank(queries, mean_tokens_per_query=82)
    assert judged(answers) == [2, 3, 2]
    # 105 tokens are the first two judgements of one and a half: the clearest goes without.
    assert judged(rerank(queries, mean_tokens_per_query=60)) == [0, 3, 2]
    assert judged(rerank(queries, mean_tokens_per_query=10**6)) == [5, 5, 5]


def test_what_some_leave_the_next_may_spend() -> None:
    queries = [question(f"q{n}", 0.1) for n in range(4)]
    apart = [rerank([each], mean_tokens_per_query=100) for each in queries]
    assert [judged(answer) for answer in apart] == [[2]] * 4, "a share ends on a step"
    in_turn = rerank(queries, mean_tokens_per_query=100, share_among=1)
    # 70 of 100 are given and 60 spent; 140 of 140 and 120; 105 of 120 and 90; 105 of 130 and 90.
    assert judged(in_turn) == [2, 4, 3, 3]


def test_no_query_is_no_work() -> None:
    assert rerank([], mean_tokens_per_query=100) == rerank([], tokens_per_query=5) == rerank([])


def test_a_dead_engine_ends_all_of_them() -> None:
    with pytest.raises(RuntimeFailure, match="died"):
        asyncio.run(rerank_many(cascade(Dead()), [question("q1", 0.0)] * 9, BudgetConfig()))
