"""The purse, the plan and the shares: arithmetic that a budget stands on."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cascade.scripted import asked, candidate
from tte2_ray.cascade import BudgetConfig, CascadeConfig, PricingConfig
from tte2_ray.cascade.budget import Purse, Reservation
from tte2_ray.cascade.plan import Wanted, ladder, plan
from tte2_ray.cascade.pricing import Prices
from tte2_ray.cascade.share import shares
from tte2_ray.errors import ConfigError, ValidationError

TOKENS = st.integers(0, 500)


@given(st.integers(0, 2000), st.lists(st.tuples(TOKENS, st.floats(0, 1), st.booleans())))
def test_a_purse_is_never_passed(most: int, requests: list[tuple[int, float, bool]]) -> None:
    purse, held, spent = Purse(most), list[tuple[Reservation, int]](), 0
    for price, share, settles in requests:
        reservation = purse.reserve(price)
        left = most - spent - sum(each.most for each, _ in held)
        assert (reservation is not None) == (price <= left), "what is there is given, no more"
        if reservation is not None:
            held.append((reservation, math.floor(share * price)))
        if settles and held:
            taken, actual = held.pop(0)
            taken.settle(actual)
            spent += actual
        assert purse.spent == spent
        assert purse.spent + purse.reserved <= most


def test_a_purse_without_a_bound_holds_everything() -> None:
    purse = Purse()
    assert len(purse.reserve_first([10**9] * 3)) == 3
    assert purse.reserved == 3 * 10**9


def test_a_reservation_is_settled_once_and_for_no_more_than_it_holds() -> None:
    purse = Purse(100)
    (held, other) = purse.reserve_first([40, 60, 1])
    held.settle(10)
    with pytest.raises(ValidationError, match="twice"):
        held.settle(0)
    with pytest.raises(ValidationError, match="61 tokens where 60 were set aside"):
        other.settle(61)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"tokens_per_query": 1, "mean_tokens_per_query": 1}, "are both set"),
        ({"tokens_per_query": -1}, "tokens_per_query must be at least 0"),
        ({"share_among": 0}, "share_among must be at least 1"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(given_: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BudgetConfig(**given_)
    with pytest.raises(ConfigError, match="0 is the least"):
        Purse(-1)


def test_prices_count_all_that_a_prompt_holds() -> None:
    pricing = PricingConfig(judge_overhead=7, rewrite_overhead=9, slack=1.5)
    config = CascadeConfig(pricing=pricing, rewrite_max_tokens=30, rewrite_sees_media=False)
    query, found = asked(words_tokens=11), candidate(1, ecr_tokens=20, prompt_tokens=60)
    assert Prices(config).judgement(query, found) == math.ceil(1.5 * 31) + 7
    price = Prices(config).rewrite(query, found)
    assert (price.prompt, price.output) == (math.ceil(1.5 * 31) + 9, 30)
    assert price.judgement == math.ceil(1.5 * 61) + 7, "the ECR, and behind it the rewrite"
    alone = Prices(replace(config, rewrite_adds=False)).rewrite(query, found)
    assert alone.judgement == math.ceil(1.5 * 41) + 7
    assert price.total == price.prompt + price.output + price.judgement
    seeing = CascadeConfig(pricing=pricing)
    assert Prices(seeing).rewrite(query, found).prompt == math.ceil(1.5 * 91) + 9
    ranker = CascadeConfig(mode="media", rewrite=0, pricing=pricing)
    assert Prices(ranker).judgement(query, found) == math.ceil(1.5 * 71) + 7


def test_a_price_is_never_nothing_which_would_be_no_bound() -> None:
    config = CascadeConfig(pricing=PricingConfig(judge_overhead=0, rewrite_overhead=0))
    query, found = asked(words_tokens=0), candidate(1, ecr_tokens=0, prompt_tokens=0)
    assert Prices(config).judgement(query, found) == 1
    assert Prices(config).rewrite(query, found).prompt == 1


PRICES = st.lists(st.integers(1, 100), max_size=12)


@given(PRICES, st.integers(0, 12), st.integers(0, 12), st.one_of(st.none(), st.integers(0, 2000)))
def test_a_plan_is_the_highest_step_that_the_budget_reaches(
    prices: list[int], judge: int, rewrite: int, most: int | None
) -> None:
    judge = min(judge, len(prices))
    wanted = Wanted(judge=judge if judge > 1 else 0, rewrite=min(rewrite, judge))
    rewrites = [2 * price for price in prices]
    found = plan(ladder(prices, rewrites, wanted), wanted, most)
    dearest = sorted(rewrites[: wanted.judge], reverse=True)

    def cost(judged: int, rewritten: int) -> int:
        return sum(prices[:judged]) + sum(dearest[:rewritten])

    assert found.tokens == cost(found.judge, found.rewrite)
    assert most is None or found.tokens <= most
    assert found.judge != 1
    assert found.rewrite == 0 or found.judge == wanted.judge, "judgements come first"
    if found.step == "full":
        assert (found.judge, found.rewrite) == (wanted.judge, wanted.rewrite if wanted.judge else 0)
    elif found.step == "fewer_rewrites":
        assert cost(found.judge, found.rewrite + 1) > (most or 0)
    else:
        assert cost(max(2, found.judge + 1), 0) > (most or 0)


@st.composite
def ladders(draw: st.DrawFn) -> list[tuple[int, ...]]:
    steps = st.lists(st.integers(1, 200), max_size=6)
    return [tuple(sorted(each)) for each in draw(st.lists(steps, max_size=8))]


@given(ladders(), st.integers(0, 3000))
def test_shares_are_within_the_total_and_end_on_steps(
    steps: list[tuple[int, ...]], total: int
) -> None:
    margins = [(7 * q) % 5 / 5 for q in range(len(steps))]
    found = shares(steps, margins, total)
    assert sum(found) <= total
    assert all(share == 0 or share in own for share, own in zip(found, steps, strict=True))
    if total >= sum(own[-1] for own in steps if own):
        assert found == [own[-1] if own else 0 for own in steps]


def test_a_share_follows_doubt_not_the_place_in_the_log() -> None:
    assert shares([(50,), (50,), (50,)], [0.2, 0.1, 0.3], 100) == [50, 50, 0]
    assert shares([(50,), (50,), (50,)], [0.1, 0.1, 0.1], 100) == [50, 50, 0]
    assert shares([], [], 100) == []
