"""One judgement (ECRR): a query against a candidate's ECR text, or against its pixels."""

import math
from asyncio import Lock
from collections.abc import Awaitable, Callable
from functools import partial

from tte2_ray.cascade.asked import Asked
from tte2_ray.cascade.asking import Outcome
from tte2_ray.cascade.candidate import Candidate
from tte2_ray.cascade.config import CascadeConfig
from tte2_ray.cascade.kept import Kept, answer_key
from tte2_ray.cascade.ledger import Spent
from tte2_ray.cascade.once import Answered, Once
from tte2_ray.cascade.shown import Shown
from tte2_ray.engines import Judge, JudgeConfig, Judged, ModelInput
from tte2_ray.errors import ConfigError, RowError, RowErrorClass
from tte2_ray.media import DecodedItem

SCORE_DIGITS = 5
"""Of a score that count. Float rounding follows a request's neighbours in a batch (below 1e-6 in
float32): without this it would decide between candidates of one ECR, where the retriever shall."""


class Judging:
    """Asks the judge about the pairs of one query, unless its answers were kept.

    Twins, candidates that read the same, are one pair: the second waits for the first's answer.

    Args:
        config: of the cascade.
        judge: the engine.
        version: of its model, its form and its instruction: names kept answers.
        asked: the query.
        kept: earlier answers.
        shown: decodes candidates; only `media` mode needs it.
    """

    def __init__(
        self,
        config: CascadeConfig,
        judge: Judge,
        version: str,
        *,
        asked: Asked,
        kept: Kept,
        shown: Shown | None = None,
    ) -> None:
        self._config, self._judge, self._version, self._asked = config, judge, version, asked
        self._shown = shown
        self._seeing = Lock()
        self._seen: DecodedItem | RowError | None = None
        self._once = Once(kept.judged, kept.keep_judged)

    async def __call__(
        self, candidate: Candidate, words: str, most_prompt_tokens: int
    ) -> Outcome[float]:
        """The score of a pair, 0 to 1.

        Args:
            candidate: of the query.
            words: of its ECR, plain or rewritten; not read where the judge sees pixels.
            most_prompt_tokens: a longer prompt is refused; 0 for no bound.

        Raises:
            RuntimeFailure: the engine is dead.
        """
        try:
            answered = await self._judged(candidate, words, most_prompt_tokens)
        except RowError as error:
            return Outcome(answer=None, refused=error.error_class.value)
        judged, kept = answered.said, answered.kept
        spent = Spent.on(
            prompt_tokens=judged.prompt_tokens,
            visual_tokens=judged.visual_tokens,
            cached_tokens=0 if kept else judged.cached_tokens,
            kept=kept,
        )
        scored = math.isfinite(judged.score)
        return Outcome(
            answer=round(judged.score, SCORE_DIGITS) if scored else None,
            spent=spent,
            refused="" if scored else RowErrorClass.ENGINE_REJECTED.value,
            earlier=answered.earlier,
        )

    async def _judged(self, candidate: Candidate, words: str, most: int) -> Answered[Judged]:
        key = self._key(candidate.ecr_key if self._config.mode == "media" else words)
        return await self._once(key, most, partial(self._ask, candidate, words, most))

    async def _ask(self, candidate: Candidate, words: str, most: int) -> Judged:
        ask = partial(self._judge.judge, await self._query(), most_prompt_tokens=most)
        if self._config.mode != "media":
            return await ask(_words_alone(words))
        assert self._shown is not None, "Cascade asks for it"
        async with self._shown.show(candidate) as decoded:
            return await ask(ModelInput.of(decoded.text, decoded))

    async def _query(self) -> ModelInput:
        """With its pixels, they are decoded for the first pair and live as long as this."""
        see = self._see()
        if see is None:
            return ModelInput(text=self._query_words())
        async with self._seeing:
            if self._seen is None:
                try:
                    self._seen = await see()
                except RowError as error:
                    self._seen = error
        if isinstance(self._seen, RowError):
            raise self._seen
        return ModelInput.of(self._query_words(), self._seen)

    def _see(self) -> Callable[[], Awaitable[DecodedItem]] | None:
        return self._asked.see if self._config.judge_sees_query else None

    def _query_words(self) -> str:
        asked, instructed = self._asked, self._config.instructed
        if self._see() is None:
            return asked.words(instructed=instructed)
        return (f"{asked.instruction}\n{asked.text}" if instructed else asked.text).strip()

    def _key(self, candidate: str) -> str:
        words, seen = self._query_words(), self._see() is not None
        media = self._config.mode == "media"
        return answer_key("judge", self._version, self._asked.key, words, seen, candidate, media)


def require_seen_queries(config: CascadeConfig, judge: JudgeConfig) -> None:
    """Refuses a judge that shall see queries, and is asked in a form that shows their words alone.

    Args:
        config: of the cascade.
        judge: how pairs are put before it.

    Raises:
        ConfigError: a query with media would be judged without them, one of media alone as "".
    """
    if config.judge_sees_query and judge.form == "plain":
        raise ConfigError(
            "cascade.judge_sees_query is true, but judge.form is plain, which shows the words of a "
            "query alone: set cascade.judge_sees_query=false, so that the judge reads its ECR, or "
            "a judge.form that shows media (qwen3-vl-reranker)"
        )


def _words_alone(words: str) -> ModelInput:
    if not words:
        raise RowError(RowErrorClass.EMPTY_ECR, "the candidate has no ECR to be judged by")
    return ModelInput(text=words)
