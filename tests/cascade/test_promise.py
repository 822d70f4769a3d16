"""A budget is a promise: whatever engines, lengths, failures and policies, it is never exceeded.

The engines keep their own accounts (`Bank`), and check with every request that what was spent and
what all requests in flight may still cost are within the budget.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cascade.scripted import Unneeded, asked, candidate, cascade
from tests.cascade.wild import Bank, Wild
from tte2_ray.cascade import (
    Band,
    BudgetConfig,
    Cascade,
    KeptInMemory,
    Policy,
    PricingConfig,
    Reranked,
    rerank_many,
)
from tte2_ray.cascade.ledger import RERANKING
from tte2_ray.cascade.many import Retrieved
from tte2_ray.cascade.reranked import LADDER

CASES = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def retrieved(draw: st.DrawFn, most: int = 6) -> list[Retrieved]:
    """Queries with candidates of any length, twins among them; few have as many as are to be
    judged."""
    queries: list[Retrieved] = []
    for number in range(draw(st.integers(1, most))):
        name = f"q{number}"
        tokens = st.integers(0, 300)
        lengths = draw(st.lists(st.tuples(tokens, tokens, st.floats(0, 1)), max_size=10))
        lengths.sort(key=lambda each: -each[2])
        found = [
            candidate(rank, of=name, score=score, ecr_tokens=ecr, prompt_tokens=prompt,
                      ecr="" if ecr == 7 else None)
            for rank, (ecr, prompt, score) in enumerate(lengths, 1)
        ]  # fmt: skip
        for place in draw(st.sets(st.integers(1, 9), max_size=3)):
            if place < len(found):
                twin = found[draw(st.integers(0, place - 1))]
                found[place] = replace(found[place], ecr=twin.ecr, ecr_key=twin.ecr_key)
        queries.append((asked(name, words_tokens=draw(st.integers(0, 200))), found))
    return queries


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """One or two bands, with steps and margins."""
    bands = [
        Band(least_margin=least, judge=(judge := draw(st.integers(0, 10))),
             rewrite=draw(st.integers(0, judge)))
        for least in draw(st.sampled_from([(0.0,), (0.0, 0.1)]))
    ]  # fmt: skip
    return Policy(
        name="any",
        bands=tuple(bands),
        judge_step=draw(st.sampled_from([0, 2, 3])),
        rewrite_step=draw(st.sampled_from([0, 1, 2])),
        judge_stop=draw(st.sampled_from([0.3, 2.0])),
        stop_margin=draw(st.sampled_from([0.0, 0.5, 2.0])),
    )


@st.composite
def cascades(draw: st.DrawFn) -> "Made":
    """How a cascade is put together; the engines come later."""
    return Made(
        policy=draw(policies()),
        seed=draw(st.integers(0, 1000)),
        most_cost=draw(st.sampled_from([30, 300, 900])),
        refusals=draw(st.sampled_from([0.0, 0.1, 0.6])),
        best_of=draw(st.sampled_from(["judge", "retriever"])),
        slack=draw(st.sampled_from([1.0, 1.5])),
        overhead=draw(st.sampled_from([0, 40])),
        fusion=draw(st.sampled_from([0.0, 1.0])),
        adds=draw(st.booleans()),
    )


class Made:
    """A cascade of wild engines, which can be made again with others."""

    def __init__(self, *, policy: Policy, seed: int, most_cost: int, refusals: float, best_of: str,
                 slack: float, overhead: int, fusion: float, adds: bool) -> None:  # fmt: skip
        self.policy = policy
        self._engines: dict[str, Any] = {"seed": seed, "most_cost": most_cost, "refusals": refusals}
        self._config: dict[str, Any] = {
            "rewrite_best_of": best_of,
            "fusion_weight": fusion,
            "rewrite_adds": adds,
            "pricing": PricingConfig(
                slack=slack, judge_overhead=overhead, rewrite_overhead=overhead
            ),
        }

    def __repr__(self) -> str:
        return f"Made({self.policy}, {self._engines}, {self._config})"

    def wild(self, bank: Bank, *, mood: int = 0, kept: KeptInMemory | None = None) -> Cascade:
        wild = Wild(bank, mood=mood, **self._engines)
        return cascade(wild, wild, policy=self.policy, kept=kept, **self._config)

    def unneeded(self, kept: KeptInMemory) -> Cascade:
        return cascade(Unneeded(), Unneeded(), policy=self.policy, kept=kept, **self._config)


def bank_of(queries: Sequence[Retrieved], most: int | None) -> Bank:
    return Bank({query.query_id: most for query, _ in queries})


def told(answers: Sequence[Reranked]) -> list[object]:
    """All that must not depend on circumstances: not what a cache had, nor what was kept."""
    return [
        (answer.order, answer.step, answer.spent, answer.wanted_rewrites,
         [(each.stage, each.score, each.final_score, each.rewrite, each.note, each.refused,
           each.spent.total) for each in answer.judgements],
         {name: n for name, n in answer.notes.items() if not name.startswith(("kept:", "twin:"))})
        for answer in answers
    ]  # fmt: skip


@CASES
@given(retrieved(), cascades(), st.one_of(st.none(), st.integers(0, 4000)), st.integers(0, 99))
def test_no_query_spends_more_than_its_budget(
    queries: list[Retrieved], made: Made, most: int | None, mood: int
) -> None:
    bank = bank_of(queries, most)
    budget = BudgetConfig(tokens_per_query=most)
    answers = asyncio.run(rerank_many(made.wild(bank, mood=mood), queries, budget))
    for (query, found), answer in zip(queries, answers, strict=True):
        assert answer.query_id == query.query_id
        served = answer.spent - sum(answer.ledger[stage].kept for stage in RERANKING)
        assert served == bank.spent[query.query_id], "the ledger is what engines counted"
        assert answer.spent == sum(each.spent.total for each in answer.judgements)
        assert most is None or answer.spent <= most
        assert sorted(answer.order) == sorted(each.item_id for each in found)
        assert answer.step in LADDER
        assert bank.in_flight[query.query_id] == 0


@CASES
@given(retrieved(8), cascades(), st.integers(0, 1500), st.integers(1, 4), st.integers(1, 8))
def test_all_queries_together_keep_a_mean(
    queries: list[Retrieved], made: Made, mean: int, shard: int, share_among: int
) -> None:
    bank = bank_of(queries, None)
    wild = made.wild(bank)
    budget = BudgetConfig(mean_tokens_per_query=mean, share_among=share_among)
    for start in range(0, len(queries), shard):  # parts of a log know nothing of each other
        asyncio.run(rerank_many(wild, queries[start : start + shard], budget))
        assert bank.spent.total() <= mean * len(queries[: start + shard])


@CASES
@given(retrieved(), cascades(), st.one_of(st.none(), st.integers(0, 3000)), st.integers(0, 99))
def test_an_order_does_not_depend_on_neighbours_or_on_turns(
    queries: list[Retrieved], made: Made, most: int | None, mood: int
) -> None:
    budget = BudgetConfig(tokens_per_query=most)
    alone = [asyncio.run(made.wild(bank_of(queries, most)).rerank(*each, most)) for each in queries]
    mixed = list(enumerate(queries))
    random.Random(mood).shuffle(mixed)
    among = asyncio.run(
        rerank_many(made.wild(bank_of(queries, most), mood=mood), [each for _, each in mixed],
                    budget, in_flight=1 + mood % 4)
    )  # fmt: skip
    back = [answer for _, answer in sorted(zip([i for i, _ in mixed], among, strict=True),
                                           key=lambda pair: pair[0])]  # fmt: skip
    assert told(alone) == told(back)


@CASES
@given(retrieved(3), cascades(), st.integers(0, 3000), st.none() | st.integers(0, 3000),
       st.floats(0, 1))  # fmt: skip
def test_what_is_kept_changes_neither_order_nor_plan_nor_charge(
    queries: list[Retrieved], made: Made, most: int, before: int | None, forgotten: float
) -> None:
    budget = BudgetConfig(tokens_per_query=most)
    fresh = asyncio.run(rerank_many(made.wild(bank_of(queries, most)), queries, budget))
    kept = KeptInMemory()
    for earlier in (before, most):
        other = made.wild(bank_of(queries, earlier), kept=kept)
        asyncio.run(rerank_many(other, queries, BudgetConfig(tokens_per_query=earlier)))
    lost = random.Random(int(forgotten * 1000))
    some = KeptInMemory()
    some.judgements = {k: v for k, v in kept.judgements.items() if lost.random() > forgotten}
    some.rewrites = {k: v for k, v in kept.rewrites.items() if lost.random() > forgotten}
    again = asyncio.run(rerank_many(made.wild(bank_of(queries, most), kept=some), queries, budget))
    assert told(fresh) == told(again)


@pytest.mark.parametrize("best_of", ["judge", "retriever"])
@pytest.mark.parametrize(("rewrites", "budgets"), [(0, (0, 200, 400, 800, None)), (3, (None,))])
def test_kept_answers_need_no_engines(
    best_of: str, rewrites: int, budgets: tuple[int | None, ...]
) -> None:
    # Any budget judges what the whole run judged; what it rewrites follows from what it judged.
    made = Made(policy=Policy.fixed(8, rewrites), seed=3, most_cost=60, refusals=0.0, slack=1.0,
                best_of=best_of, overhead=40, fusion=0.0, adds=True)  # fmt: skip
    queries: list[Retrieved] = [
        (asked(f"q{n}"), [candidate(rank, of=f"q{n}") for rank in range(1, 9)]) for n in range(6)
    ]
    kept = KeptInMemory()
    asyncio.run(rerank_many(made.wild(bank_of(queries, None), kept=kept), queries, BudgetConfig()))
    for most in budgets:
        budget = BudgetConfig(tokens_per_query=most)
        fresh = asyncio.run(rerank_many(made.wild(bank_of(queries, most)), queries, budget))
        replayed = asyncio.run(rerank_many(made.unneeded(kept), queries, budget))
        assert told(fresh) == told(replayed)
        for answer in replayed:
            assert answer.ledger["judge"].kept == answer.ledger["judge"].total
            assert answer.ledger["rewrite"].kept == answer.ledger["rewrite"].total
            assert answer.spent == 0 or answer.notes["kept:judge"] > 0
