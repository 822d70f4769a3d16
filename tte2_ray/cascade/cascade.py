"""From retrieved candidates to the final order, under a token budget.

    candidates ─ policy ─▶ how many ─ judge ─▶ scores ─ rewrite the best ─ judge again ─▶ order

`rewrite_best_of: retriever` has the rewriting come first. One query's passes follow from that query
alone; many queries are in flight together, so that engines have full batches.
"""

from collections.abc import Sequence
from functools import partial

from tte2_ray.cascade.asked import Asked
from tte2_ray.cascade.budget import Purse
from tte2_ray.cascade.candidate import Candidate
from tte2_ray.cascade.config import CascadeConfig
from tte2_ray.cascade.judging import Judging
from tte2_ray.cascade.kept import Kept, KeptInMemory
from tte2_ray.cascade.order import next_rewrites
from tte2_ray.cascade.plan import Plan, ladder, plan
from tte2_ray.cascade.policy import Policy
from tte2_ray.cascade.policy_file import policy_of
from tte2_ray.cascade.pricing import Prices
from tte2_ray.cascade.reranked import Reranked
from tte2_ray.cascade.rewrite import Rewriting
from tte2_ray.cascade.run import Run
from tte2_ray.cascade.shown import Shown
from tte2_ray.engines import Judge, Reasoner
from tte2_ray.errors import ConfigError


class Cascade:
    """Reranks what a retriever found; the same object offline and online.

    Args:
        config: how it works.
        judge: scores one pair.
        judge_version: of the judge's model, form and instruction; names kept answers.
        rewriter: rewrites one ECR; None where nothing is rewritten.
        rewriter_version: of its model, prompt and sampling; names kept answers.
        shown: decodes candidates; needed where judge or rewriter see them.
        kept: answers of earlier runs; None keeps those of a query until it is done.
        policy: in place of the one that `config` names.

    Raises:
        ConfigError: a part is missing that the configuration needs, or the policy does not fit.
        ResourceMissingError: the policy's file is not there.
    """

    def __init__(
        self,
        config: CascadeConfig,
        *,
        judge: Judge,
        judge_version: str,
        rewriter: Reasoner | None = None,
        rewriter_version: str = "",
        shown: Shown | None = None,
        kept: Kept | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.config = config
        self.policy = policy or policy_of(config)
        _require_parts(config, self.policy, rewriter, shown)
        self._prices = Prices(config)
        self._kept = kept
        self._judging = partial(Judging, config, judge, judge_version, shown=shown)
        self._rewriting = None
        if rewriter is not None:
            self._rewriting = partial(Rewriting, config, rewriter, rewriter_version, shown=shown)

    async def rerank(
        self, asked: Asked, candidates: Sequence[Candidate], most_tokens: int | None = None
    ) -> Reranked:
        """The final order of one query's candidates.

        Args:
            asked: the query.
            candidates: in retrieval order, each once; as many as there are.
            most_tokens: what rewriting and judging may cost together; None for no bound.

        Raises:
            RuntimeFailure: an engine is dead. What an engine refuses is part of the answer.
        """
        kept = KeptInMemory() if self._kept is None else self._kept
        run = Run(
            asked,
            candidates,
            Purse(most_tokens),
            prices=self._prices,
            fusion_weight=self.config.fusion_weight,
            judging=self._judging(asked=asked, kept=kept),
            rewriting=self._rewriting(asked=asked, kept=kept) if self._rewriting else None,
        )
        wanted = self.policy.wanted(candidates)
        if self.config.rewrite_best_of == "retriever":
            await run.rewrite_first(wanted)
            await run.judge(wanted.judge, self.policy)
        else:
            await run.judge(wanted.judge, self.policy)
            chosen = set[int]()
            while now := next_rewrites(run.judgements, chosen, wanted.rewrite, self.policy):
                chosen.update(now)
                await run.rewrite(now)
        return run.result(wanted)

    def ladder(self, asked: Asked, candidates: Sequence[Candidate]) -> tuple[int, ...]:
        """What each step of the policy's plan costs at most: see `plan.ladder`.

        Args:
            asked: the query.
            candidates: in retrieval order.
        """
        wanted = self.policy.wanted(candidates)
        head = candidates[: wanted.judge]
        judgements = [self._prices.judgement(asked, each) for each in head]
        rewritable = filter(self._prices.rewritable, head)
        rewrites = [self._prices.rewrite(asked, each).total for each in rewritable]
        return ladder(judgements, rewrites, wanted)

    def plan(self, asked: Asked, candidates: Sequence[Candidate], most_tokens: int | None) -> Plan:
        """What a budget is sure to buy for a query, before anything is spent.

        Args:
            asked: the query.
            candidates: in retrieval order.
            most_tokens: the budget; None for no bound.
        """
        steps = self.ladder(asked, candidates)
        return plan(steps, self.policy.wanted(candidates), most_tokens)


def _require_parts(
    config: CascadeConfig, policy: Policy, rewriter: Reasoner | None, shown: Shown | None
) -> None:
    rewrites = any(band.rewrite for band in policy.bands)
    if config.mode == "media" and rewrites:
        raise ConfigError(
            f"cascade.mode is media, but the policy {policy.name!r} rewrites: a judge that sees "
            "pixels reads no ECRs; name a policy whose bands have rewrite 0"
        )
    if rewrites and rewriter is None:
        raise ConfigError(f"the policy {policy.name!r} rewrites, but there is no rewriter")
    if shown is None and (config.mode == "media" or (rewrites and config.rewrite_sees_media)):
        raise ConfigError("candidates are to be seen, but nothing decodes them: `shown` is missing")
