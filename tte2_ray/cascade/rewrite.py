"""One rewrite (QAR): the reasoner says of a candidate's ECR what matters to the query."""

from dataclasses import dataclass, replace

from tte2_ray.cascade.asked import Asked
from tte2_ray.cascade.asking import Outcome, readable, told
from tte2_ray.cascade.candidate import Candidate
from tte2_ray.cascade.config import CascadeConfig
from tte2_ray.cascade.kept import Kept, answer_key
from tte2_ray.cascade.ledger import Spent
from tte2_ray.cascade.pricing import RewritePrice
from tte2_ray.cascade.shown import Shown
from tte2_ray.engines import ModelInput, Reasoned, Reasoner
from tte2_ray.engines.price import refuse_above_price
from tte2_ray.errors import RowError
from tte2_ray.prompts import finished_ecr, rewrite_text


@dataclass(frozen=True, kw_only=True)
class Rewrite:
    """What became of one."""

    ecr: str
    """"" where nothing could be made of it: the plain ECR stays."""
    note: str = ""
    """`overrun`, `no_statement`, `unparsable`; "" where it is whole."""


class Rewriting:
    """Asks the rewriter about one candidate, unless its answer was kept.

    Args:
        config: of the cascade.
        rewriter: the engine.
        version: of its model, prompt and sampling: names kept answers.
        shown: decodes candidates; needed where the rewriter sees them.
        kept: earlier answers; None keeps nothing.
    """

    def __init__(
        self,
        config: CascadeConfig,
        rewriter: Reasoner,
        version: str,
        *,
        shown: Shown | None = None,
        kept: Kept | None = None,
    ) -> None:
        self._config, self._rewriter, self._version = config, rewriter, version
        self._shown, self._kept = shown, kept

    async def __call__(
        self, asked: Asked, candidate: Candidate, price: RewritePrice, *, bounded: bool
    ) -> Outcome[Rewrite]:
        """The ECR of a candidate, rewritten.

        Args:
            asked: the query.
            candidate: of it.
            price: what it may cost.
            bounded: whether a prompt above its price is refused; the output ends at it anyway.

        Raises:
            RuntimeFailure: the engine is dead.
        """
        try:
            said, kept = await self._said(asked, candidate, price, bounded)
        except RowError as error:
            return Outcome(answer=None, refused=error.error_class.value)
        spent = Spent.of_reasoned(replace(said, cached_tokens=0) if kept else said, kept=kept)
        return Outcome(answer=finished(said), spent=spent)

    async def _said(
        self, asked: Asked, candidate: Candidate, price: RewritePrice, bounded: bool
    ) -> tuple[Reasoned, bool]:
        """The engine's answer, and whether it was kept."""
        words = rewrite_text(asked.words(instructed=self._config.instructed), told(candidate.ecr))
        seen = candidate.ecr_key if self._config.rewrite_sees_media else ""
        key = answer_key("rewrite", self._version, asked.key, words, seen, price.output)
        most = price.prompt if bounded else 0
        earlier = self._kept.rewritten(key) if self._kept is not None else None
        if earlier is not None:
            refuse_above_price(earlier.prompt_tokens, most)
            return earlier, True
        given = await self._input(candidate, words)
        said = await self._rewriter.reason(
            given, most_prompt_tokens=most, most_output_tokens=price.output
        )
        if self._kept is not None:
            self._kept.keep_rewritten(key, said)
        return said, False

    async def _input(self, candidate: Candidate, words: str) -> ModelInput:
        if not self._config.rewrite_sees_media:
            return ModelInput(text=words)
        assert self._shown is not None, "Cascade asks for it"
        return ModelInput.of(words, await self._shown.show(candidate))


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
