"""The most that a judgement and a rewrite can cost, from stored counts: nothing is tokenised.

    judgement   query + candidate's ECR, or the candidate itself + what stands around
    rewrite     query + candidate's ECR (+ the candidate itself) + what stands around + the output

The counts are those of the model that wrote the ECRs. Where they are too low for a prompt, the
engine refuses it, so that a price is never passed.
"""

import math
from dataclasses import dataclass

from tte2_ray.cascade.asked import Asked
from tte2_ray.cascade.candidate import Candidate
from tte2_ray.cascade.config import CascadeConfig


@dataclass(frozen=True, kw_only=True)
class RewritePrice:
    """Of a rewrite and of the judgement that follows it: one is of no use without the other."""

    prompt: int
    """The most that the rewriter may read."""
    output: int
    """The most that it may write."""
    judgement: int
    """The most that judging the rewrite may cost."""

    @property
    def rewrite(self) -> int:
        """Of the rewrite alone."""
        return self.prompt + self.output

    @property
    def total(self) -> int:
        """Of both."""
        return self.rewrite + self.judgement


@dataclass(frozen=True)
class Prices:
    """What requests can cost at most, in tokens; never 0, which means no bound to an engine.

    Args:
        config: of the cascade.
    """

    config: CascadeConfig

    def judgement(self, asked: Asked, candidate: Candidate) -> int:
        """Of the plain ECR of a candidate, or of its pixels.

        Args:
            asked: the query.
            candidate: what is judged.
        """
        media = self.config.mode == "media"
        shown = candidate.prompt_tokens if media else candidate.ecr_tokens
        return self._judgement(asked, shown)

    def rewritable(self, candidate: Candidate) -> bool:
        """Whether a rewrite can say more than the ECR: a short text has nothing to be seen again.

        Args:
            candidate: that might be rewritten.
        """
        return not self.config.rewrite_sees_media or candidate.visual_tokens > 0

    def rewrite(self, asked: Asked, candidate: Candidate) -> RewritePrice:
        """Of a rewrite, and of judging it."""
        pricing, output = self.config.pricing, self.config.rewrite_max_tokens
        shown = candidate.prompt_tokens if self.config.rewrite_sees_media else 0
        read = asked.words_tokens + candidate.ecr_tokens + shown
        behind = candidate.ecr_tokens if self.config.rewrite_adds else 0
        return RewritePrice(
            prompt=self._at_most(read, pricing.rewrite_overhead),
            output=output,
            judgement=self._judgement(asked, behind + output),
        )

    def _judgement(self, asked: Asked, candidate_tokens: int) -> int:
        query = asked.words_tokens
        if self.config.judge_sees_query and asked.see is not None:
            query = asked.ecr_spent.prompt_text + asked.ecr_spent.prompt_visual
        return self._at_most(query + candidate_tokens, self.config.pricing.judge_overhead)

    def _at_most(self, counted: int, around: int) -> int:
        return max(1, math.ceil(counted * self.config.pricing.slack) + around)
