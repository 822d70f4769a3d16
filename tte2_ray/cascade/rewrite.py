"""One rewrite (QAR): the reasoner says of a candidate's ECR what matters to the query."""

from dataclasses import dataclass, replace
from functools import partial

from tte2_ray.cascade.asked import Asked
from tte2_ray.cascade.asking import Outcome, readable, told
from tte2_ray.cascade.candidate import Candidate
from tte2_ray.cascade.config import CascadeConfig
from tte2_ray.cascade.kept import Kept, answer_key
from tte2_ray.cascade.ledger import Spent
from tte2_ray.cascade.once import Answered, Once
from tte2_ray.cascade.pricing import RewritePrice
from tte2_ray.cascade.shown import Shown
from tte2_ray.ecr import completed, finished_ecr
from tte2_ray.engines import ModelInput, Reasoned, Reasoner
from tte2_ray.errors import RowError
from tte2_ray.prompts import rewrite_text


@dataclass(frozen=True, kw_only=True)
class Rewrite:
    """What became of one."""

    ecr: str
    """"" where nothing could be made of it: the plain ECR stays."""
    note: str = ""
    """`overrun`, `no_statement`, `unparsable`; "" where it is whole."""


class Rewriting:
    """Asks the rewriter about the candidates of one query, unless its answers were kept.

    Twins, candidates that look and read the same, are one request: the second waits for the first's
    answer.

    Args:
        config: of the cascade.
        rewriter: the engine.
        version: of its model, prompt and sampling: names kept answers.
        asked: the query.
        kept: earlier answers.
        shown: decodes candidates; needed where the rewriter sees them.
    """

    def __init__(
        self,
        config: CascadeConfig,
        rewriter: Reasoner,
        version: str,
        *,
        asked: Asked,
        kept: Kept,
        shown: Shown | None = None,
    ) -> None:
        self._config, self._rewriter, self._version, self._asked = config, rewriter, version, asked
        self._shown = shown
        self._once = Once(kept.rewritten, kept.keep_rewritten)

    async def __call__(
        self, candidate: Candidate, price: RewritePrice, *, bounded: bool
    ) -> Outcome[Rewrite]:
        """The ECR of a candidate, rewritten.

        Args:
            candidate: of the query.
            price: what it may cost.
            bounded: whether a prompt above its price is refused; the output ends at it anyway.

        Raises:
            RuntimeFailure: the engine is dead.
        """
        try:
            answered = await self._said(candidate, price, bounded)
        except RowError as error:
            return Outcome(answer=None, refused=error.error_class.value)
        said, kept = answered.said, answered.kept
        spent = Spent.of_reasoned(replace(said, cached_tokens=0) if kept else said, kept=kept)
        return Outcome(answer=finished(said), spent=spent, earlier=answered.earlier)

    def words(self, candidate: Candidate, made: Rewrite) -> str:
        """See `rewritten_words`."""
        return rewritten_words(candidate, made, adds=self._config.rewrite_adds)

    async def _said(
        self, candidate: Candidate, price: RewritePrice, bounded: bool
    ) -> Answered[Reasoned]:
        query = self._asked.words(instructed=self._config.instructed)
        words = rewrite_text(query, told(candidate.ecr))
        seen = candidate.ecr_key if self._config.rewrite_sees_media else ""
        key = answer_key("rewrite", self._version, self._asked.key, words, seen, price.output)
        most = price.prompt if bounded else 0
        return await self._once(key, most, partial(self._ask, candidate, words, most, price.output))

    async def _ask(self, candidate: Candidate, words: str, most: int, output: int) -> Reasoned:
        """Its pixels are let go of with the answer, before what was written is judged."""
        ask = partial(self._rewriter.reason, most_prompt_tokens=most, most_output_tokens=output)
        if not self._config.rewrite_sees_media:
            return await ask(ModelInput(text=words))
        assert self._shown is not None, "Cascade asks for it"
        async with self._shown.show(candidate) as decoded:
            return await ask(ModelInput.of(words, decoded))


def rewritten_words(candidate: Candidate, made: Rewrite, *, adds: bool) -> str:
    """What a judge reads of a candidate that was rewritten.

    Args:
        candidate: that was.
        made: the rewrite.
        adds: `CascadeConfig.rewrite_adds`.
    """
    return completed(told(candidate.ecr), made.ecr) if adds else told(made.ecr)


def finished(said: Reasoned) -> Rewrite:
    """A rewrite that can be read, or none.

    >>> finished(Reasoned(text="<think>red, on the le", truncated=True, prompt_tokens=1,
    ...                   visual_tokens=0, output_tokens=6))
    Rewrite(ecr='<think>red</think>red', note='overrun')
    """
    try:
        ecr, closed = finished_ecr(said.text, said.truncated)
    except RowError:  # it wrote nothing: its tokens are spent all the same
        return Rewrite(ecr="", note="unparsable")
    if not readable(ecr):
        return Rewrite(ecr="", note="unparsable")
    if said.truncated:
        return Rewrite(ecr=ecr, note="overrun")
    return Rewrite(ecr=ecr, note="no_statement" if closed else "")
