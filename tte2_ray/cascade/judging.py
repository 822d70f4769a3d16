"""One judgement (ECRR): a query against a candidate's ECR text, or against its pixels."""

import math

from tte2_ray.cascade.asked import Asked
from tte2_ray.cascade.asking import Outcome, told
from tte2_ray.cascade.candidate import Candidate
from tte2_ray.cascade.config import CascadeConfig
from tte2_ray.cascade.kept import Kept, answer_key
from tte2_ray.cascade.ledger import Spent
from tte2_ray.cascade.shown import Shown
from tte2_ray.engines import Judge, Judged, ModelInput
from tte2_ray.engines.price import refuse_above_price
from tte2_ray.errors import RowError, RowErrorClass

SCORE_DIGITS = 5
"""Of a score that count. Float rounding follows a request's neighbours in a batch (below 1e-6 in
float32): without this it would decide between candidates of one ECR, where the retriever shall."""


class Judging:
    """Asks the judge about one pair, unless its answer was kept.

    Args:
        config: of the cascade.
        judge: the engine.
        version: of its model, its form and its instruction: names kept answers.
        shown: decodes candidates; only `media` mode needs it.
        kept: earlier answers; None keeps nothing.
    """

    def __init__(
        self,
        config: CascadeConfig,
        judge: Judge,
        version: str,
        *,
        shown: Shown | None = None,
        kept: Kept | None = None,
    ) -> None:
        self._config, self._judge, self._version = config, judge, version
        self._shown, self._kept = shown, kept

    async def __call__(
        self, asked: Asked, candidate: Candidate, ecr: str, most_prompt_tokens: int
    ) -> Outcome[float]:
        """The score of a pair, 0 to 1.

        Args:
            asked: the query.
            candidate: of it.
            ecr: plain or rewritten; not read where the judge sees pixels.
            most_prompt_tokens: a longer prompt is refused; 0 for no bound.

        Raises:
            RuntimeFailure: the engine is dead.
        """
        try:
            judged, kept = await self._judged(asked, candidate, told(ecr), most_prompt_tokens)
        except RowError as error:
            return Outcome(answer=None, refused=error.error_class.value)
        spent = Spent.on(
            prompt_tokens=judged.prompt_tokens,
            visual_tokens=judged.visual_tokens,
            cached_tokens=0 if kept else judged.cached_tokens,
            kept=kept,
        )
        if not math.isfinite(judged.score):
            refused = RowErrorClass.ENGINE_REJECTED.value
            return Outcome(answer=None, spent=spent, refused=refused)
        return Outcome(answer=round(judged.score, SCORE_DIGITS), spent=spent)

    async def _judged(
        self, asked: Asked, candidate: Candidate, words: str, most: int
    ) -> tuple[Judged, bool]:
        """The engine's answer, and whether it was kept."""
        media = self._config.mode == "media"
        key = self._key(asked, candidate.ecr_key if media else words)
        earlier = self._kept.judged(key) if self._kept is not None else None
        if earlier is not None:
            refuse_above_price(earlier.prompt_tokens, most)
            return earlier, True
        candidate_input = await self._input(candidate) if media else _words_alone(words)
        judged = await self._judge.judge(
            self._query(asked), candidate_input, most_prompt_tokens=most
        )
        if self._kept is not None:
            self._kept.keep_judged(key, judged)
        return judged, False

    async def _input(self, candidate: Candidate) -> ModelInput:
        assert self._shown is not None, "Cascade asks for it"
        decoded = await self._shown.show(candidate)
        return ModelInput.of(decoded.text, decoded)

    def _query(self, asked: Asked) -> ModelInput:
        if self._config.judge_sees_query and asked.media is not None:
            words = f"{asked.instruction}\n{asked.text}" if self._config.instructed else asked.text
            return ModelInput.of(words.strip(), asked.media)
        return ModelInput(text=asked.words(instructed=self._config.instructed))

    def _key(self, asked: Asked, candidate: str) -> str:
        query = self._query(asked)
        seen = bool(query.images or query.video)
        media = self._config.mode == "media"
        return answer_key("judge", self._version, asked.key, query.text, seen, candidate, media)


def _words_alone(words: str) -> ModelInput:
    if not words:
        raise RowError(RowErrorClass.EMPTY_ECR, "the candidate has no ECR to be judged by")
    return ModelInput(text=words)
