"""Engines that keep no promise but their price, and the accounts that a budget is held against.

The fakes of the package are always well-behaved: they cost what their words cost, and refuse
nothing but what their context does not hold. A budget must hold with engines that are not.
"""

import asyncio
import hashlib
import random
from collections import Counter
from dataclasses import dataclass, field

from tte2_ray.engines import Judged, ModelInput, Reasoned
from tte2_ray.engines.price import refuse_above_price
from tte2_ray.errors import RowError, RowErrorClass


@dataclass
class Bank:
    """What engines were allowed to spend and did, by query: kept apart from the code under test."""

    budgets: dict[str, int | None]
    spent: Counter[str] = field(default_factory=Counter)
    in_flight: Counter[str] = field(default_factory=Counter)
    requests: int = 0

    def open(self, query: str, most: int) -> None:
        """A request arrives that may cost so much; what may be spent now must be in the budget."""
        budget = self.budgets[query]
        self.requests += 1
        if budget is not None:
            assert most > 0, "a request without a bound under a budget"
            self.in_flight[query] += most
            assert self.spent[query] + self.in_flight[query] <= budget

    def close(self, query: str, most: int, actual: int) -> None:
        """It is answered."""
        if self.budgets[query] is not None:
            self.in_flight[query] -= most
        self.spent[query] += actual


class Wild:
    """A `Judge` and a `Reasoner` whose behaviour is a hash of what they read: they cost anything,
    refuse, answer nonsense and overrun; and they take turns at random, so that requests end in
    another order each time.

    Args:
        bank: counts.
        seed: of the behaviour.
        most_cost: of a prompt.
        refusals: the share of requests that are refused without a reason.
        mood: of the turns; changes no answer.
    """

    def __init__(self, bank: Bank, *, seed: int = 0, most_cost: int = 300, refusals: float = 0.1,
                 mood: int = 0) -> None:  # fmt: skip
        self._bank, self._seed = bank, seed
        self._most_cost, self._refusals = most_cost, refusals
        self._mood = random.Random(mood)

    def _draw(self, *read: str) -> random.Random:
        digest = hashlib.sha256(repr((self._seed, *read)).encode()).digest()
        return random.Random(digest)

    async def _serve(self, draw: random.Random, most: int) -> int:
        """Takes turns, refuses or reads a prompt; its tokens."""
        for _ in range(self._mood.randrange(4)):
            await asyncio.sleep(0)
        cost = draw.randint(1, self._most_cost)
        if draw.random() < self._refusals:
            raise RowError(RowErrorClass.ENGINE_REJECTED, "no reason is given")
        refuse_above_price(cost, most)
        return cost

    async def judge(
        self, query: ModelInput, candidate: ModelInput, *, most_prompt_tokens: int = 0
    ) -> Judged:
        name, draw = query.text.split()[0], self._draw("judge", query.text, candidate.text)
        self._bank.open(name, most_prompt_tokens)
        cost = 0
        try:
            cost = await self._serve(draw, most_prompt_tokens)
        finally:
            self._bank.close(name, most_prompt_tokens, cost)
        score = float("nan") if draw.random() < 0.05 else round(draw.random(), 2)
        cached = self._mood.randint(0, cost)
        return Judged(score=score, prompt_tokens=cost, visual_tokens=0, cached_tokens=cached)

    async def reason(
        self, given: ModelInput, *, most_prompt_tokens: int = 0, most_output_tokens: int = 0
    ) -> Reasoned:
        name = given.text.partition("Query: ")[2].split()[0]
        draw = self._draw("rewrite", given.text)
        most = most_prompt_tokens + most_output_tokens if most_prompt_tokens else 0
        self._bank.open(name, most)
        cost = written = 0
        try:
            cost = await self._serve(draw, most_prompt_tokens)
            written = draw.randint(1, most_output_tokens)
        finally:
            self._bank.close(name, most, cost + written)
        word = f"{draw.randrange(10**6)}"
        text, truncated = draw.choice([
            (f"<think>{word}</think>it is {word}", False),
            (f"<think>{word}", False),
            (f"<think>{word}, and", True),
            (f"<think>{word}<think></think>again <think>", False),
            ("", False),
        ])  # fmt: skip
        return Reasoned(text=text, truncated=truncated, prompt_tokens=cost, visual_tokens=0,
                        output_tokens=written)  # fmt: skip

    def close(self) -> None:
        """Nothing to end."""
