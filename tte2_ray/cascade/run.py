"""One query on its way through the cascade: what is known of its candidates, and what is left.

Work is done in passes. A pass reserves for as many requests as the purse has tokens for, in a fixed
order, has them in flight together, and settles them all; only then the next pass is looked at. So
what is done follows from the query and its budget alone, however requests are mixed with others.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tte2_ray.cascade.asked import Asked
from tte2_ray.cascade.asking import Outcome, together, told
from tte2_ray.cascade.budget import Purse, Reservation
from tte2_ray.cascade.candidate import Candidate
from tte2_ray.cascade.judging import Judging
from tte2_ray.cascade.ledger import NOTHING, Ledger, SpendingStage, Spent
from tte2_ray.cascade.order import lead, ordered
from tte2_ray.cascade.plan import LEAST_JUDGED, Wanted, rung
from tte2_ray.cascade.policy import Policy
from tte2_ray.cascade.pricing import Prices, RewritePrice
from tte2_ray.cascade.reranked import JudgedBy, Judgement, Reranked
from tte2_ray.cascade.rewrite import Rewrite, Rewriting


class Run:
    """The state of one query.

    Args:
        asked: the query.
        candidates: in retrieval order.
        purse: what it may spend.
        prices: of its requests.
        fusion_weight: of the judge's score beside the retriever's; 0 for the judge's alone.
        judging: asks the judge.
        rewriting: asks the rewriter; None where nothing is rewritten.
    """

    def __init__(
        self,
        asked: Asked,
        candidates: Sequence[Candidate],
        purse: Purse,
        *,
        prices: Prices,
        fusion_weight: float,
        judging: Judging,
        rewriting: Rewriting | None,
    ) -> None:
        self.judgements = [Judgement(candidate=candidate) for candidate in candidates]
        self.rewrites_wanted = 0
        self._asked, self._purse, self._prices = asked, purse, prices
        self._fusion_weight, self._judging, self._rewriting = fusion_weight, judging, rewriting
        self._bounded = purse.most is not None
        self._all_judgements = self._all_rewrites = True
        self._by_stage: dict[SpendingStage, Spent] = {}
        self._notes: Counter[str] = Counter()
        self._seconds: dict[SpendingStage, float] = {}

    async def judge(self, most: int, policy: Policy) -> None:
        """Judges the plain ECRs (or the pixels) of the first candidates that have no score yet.

        Args:
            most: candidates.
            policy: how many at a time, and when that is enough.
        """
        waiting = [i for i in range(most) if self.judgements[i].score is None]
        while waiting:
            asking = waiting[: policy.judge_step or len(waiting)]
            held = self._purse.reserve_first([self._price(i) for i in asking])
            if len(held) < len(asking) and len(held) + self._scored() < LEAST_JUDGED:
                held = _give_back(held)  # one score alone is no order
            if not held:
                self._all_judgements = False
                return
            with self._timed("judge"):
                await together(map(self._judge_plain, asking, held))
            waiting = waiting[len(held) :]
            if lead(self.judgements) >= policy.judge_stop:
                return

    async def rewrite(self, chosen: Sequence[int]) -> None:
        """Rewrites candidates and judges what was written; those that a look can add nothing to
        stay as they are.

        Args:
            chosen: positions, the most promising first.
        """
        waiting = self._rewritable(chosen)
        self.rewrites_wanted += len(waiting)
        while waiting:
            prices = [self._rewrite_price(i) for i in waiting]
            held = self._purse.reserve_first([price.total for price in prices])
            if not held:
                self._all_rewrites = False
                return
            with self._timed("rewrite"):
                await together(map(self._rewrite_one, waiting, prices, held))
            waiting = waiting[len(held) :]

    async def rewrite_first(self, wanted: Wanted) -> None:
        """Rewrites the first candidates before anything is judged.

        What judging costs is set aside meanwhile: judgements come before rewrites on the ladder.

        Args:
            wanted: by the policy.
        """
        held = self._purse.reserve_first([self._price(i) for i in range(wanted.judge)])
        sure = len(held) if len(held) >= LEAST_JUDGED else 0
        await self.rewrite(range(min(wanted.rewrite, sure)))
        self.rewrites_wanted = len(self._rewritable(range(wanted.rewrite)))
        self._all_rewrites &= sure >= wanted.rewrite
        _give_back(held)

    def result(self, wanted: Wanted) -> Reranked:
        """The order so far.

        Args:
            wanted: by the policy.
        """
        own: dict[SpendingStage, Spent] = {
            "query_ecr": self._asked.ecr_spent,
            "query_embedding": self._asked.embedding_spent,
        }
        return Reranked(
            query_id=self._asked.query_id,
            judgements=ordered(self.judgements),
            step=rung(
                judged=self._scored() > 0 or not wanted.judge,
                all_judgements=self._all_judgements,
                all_rewrites=self._all_rewrites,
            ),
            wanted_judgements=wanted.judge,
            wanted_rewrites=self.rewrites_wanted,
            ledger=Ledger(by_stage=own | self._by_stage),
            notes=dict(sorted(self._notes.items())),
            seconds={stage: seconds for stage, seconds in self._seconds.items()
                     if not self._notes[f"kept:{stage}"]},
        )  # fmt: skip

    async def _judge_plain(self, i: int, held: Reservation) -> None:
        judgement = self.judgements[i]
        outcome = await self._ask_judge(i, told(judgement.candidate.ecr), held.most)
        held.settle(outcome.spent.total)
        if outcome.answer is not None:
            self._score(i, outcome.answer, "judged", plain_score=outcome.answer)

    async def _rewrite_one(self, i: int, price: RewritePrice, held: Reservation) -> None:
        assert self._rewriting is not None, "nothing is chosen where nothing is rewritten"
        candidate = self.judgements[i].candidate
        made = await self._rewriting(candidate, price, bounded=self._bounded)
        self._charge(i, "rewrite", made)
        spent = made.spent.total
        if made.answer is not None:
            self._note_rewrite(i, made.answer)
            if made.answer.ecr:
                words = self._rewriting.words(candidate, made.answer)
                again = await self._ask_judge(i, words, price.judgement)
                spent += again.spent.total
                if again.answer is not None:
                    self._score(i, again.answer, "rewritten", rewrite=made.answer.ecr)
        held.settle(spent)

    async def _ask_judge(self, i: int, words: str, most: int) -> Outcome[float]:
        candidate = self.judgements[i].candidate
        outcome = await self._judging(candidate, words, most if self._bounded else 0)
        self._charge(i, "judge", outcome)
        return outcome

    def _charge(
        self, i: int, stage: SpendingStage, outcome: Outcome[float] | Outcome[Rewrite]
    ) -> None:
        spent, refused = outcome.spent, outcome.refused
        self._by_stage[stage] = self._by_stage.get(stage, NOTHING) + spent
        if spent.kept:
            self._notes[f"{'kept' if outcome.earlier else 'twin'}:{stage}"] += 1
        if refused:
            self._notes[f"refused:{stage}:{refused}"] += 1
        earlier = self.judgements[i]
        self.judgements[i] = replace(
            earlier, spent=earlier.spent + spent, refused=refused or earlier.refused
        )

    def _note_rewrite(self, i: int, made: Rewrite) -> None:
        self._notes["rewritten"] += 1
        if made.note:
            self._notes[f"rewrite:{made.note}"] += 1
            self.judgements[i] = replace(self.judgements[i], note=made.note)

    def _score(
        self,
        i: int,
        score: float,
        stage: JudgedBy,
        *,
        plain_score: float | None = None,
        rewrite: str = "",
    ) -> None:
        earlier, weight = self.judgements[i], self._fusion_weight
        fused = earlier.candidate.retriever_score + weight * score
        self.judgements[i] = replace(
            earlier,
            stage=stage,
            score=score,
            plain_score=earlier.plain_score if plain_score is None else plain_score,
            final_score=fused if weight else score,
            rewrite=rewrite,
        )

    @contextmanager
    def _timed(self, stage: SpendingStage) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._seconds[stage] = self._seconds.get(stage, 0.0) + time.monotonic() - began

    def _rewritable(self, chosen: Iterable[int]) -> list[int]:
        return [i for i in chosen if self._prices.rewritable(self.judgements[i].candidate)]

    def _price(self, i: int) -> int:
        return self._prices.judgement(self._asked, self.judgements[i].candidate)

    def _rewrite_price(self, i: int) -> RewritePrice:
        return self._prices.rewrite(self._asked, self.judgements[i].candidate)

    def _scored(self) -> int:
        return sum(judgement.score is not None for judgement in self.judgements)


def _give_back(held: Sequence[Reservation]) -> list[Reservation]:
    for reservation in held:
        reservation.settle()
    return []
