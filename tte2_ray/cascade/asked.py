"""A query that is ready to be reranked: reasoned about and embedded, with what that cost."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tte2_ray.cascade.ledger import NOTHING, Spent
from tte2_ray.cascade.query import Query, SeenQuery
from tte2_ray.engines import Embedded, Reasoned
from tte2_ray.media import DecodedItem
from tte2_ray.prompts import judged_query, reads_ecr


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """One query, as judge and rewriter read it."""

    query_id: str
    instruction: str
    """The task."""
    text: str
    """The words of the query; "" where it is media alone."""
    ecr: str
    """Of the query; "" where it has none, which a query with media must not."""
    has_media: bool
    """Whether it holds more than words: then its ECR stands for its pixels."""
    key: str
    """Names all that decides its ECR: see `query.query_key`."""
    words_tokens: int
    """The most tokens that `words` has: prices count them, once for each candidate."""
    ecr_spent: Spent = NOTHING
    """What its ECR cost."""
    embedding_spent: Spent = NOTHING
    """What its vector cost."""
    see: Callable[[], Awaitable[DecodedItem]] | None = None
    """Decodes its pixels, where the judge is to see them; raises `RowError`."""

    def words(self, *, instructed: bool = False) -> str:
        """What a judge or a rewriter reads of it.

        Args:
            instructed: the task stands before the words.
        """
        words = judged_query(self.text, self.ecr, self.has_media)
        return f"{self.instruction}\n{words}" if instructed and self.instruction else words

    @classmethod
    def of(
        cls,
        query: Query,
        seen: SeenQuery,
        said: Reasoned,
        made: Embedded | None = None,
        *,
        key: str,
        words_tokens: int = 0,
    ) -> "Asked":
        """A query with its ECR, as `query.think` wrote it.

        Args:
            query: what was asked.
            seen: the same, decoded.
            said: its ECR.
            made: its vector; None where a first-stage run came in place of retrieval.
            key: of the query, from `query_key`.
            words_tokens: counted by the judge's tokenizer, which makes prices close; 0 takes what
                the ECR's counts say (`most_words_tokens`).
        """
        has_media = bool(seen.given.images or seen.given.video)
        most = most_words_tokens(
            prompt_tokens=said.prompt_tokens,
            visual_tokens=said.visual_tokens,
            output_tokens=said.output_tokens,
            ecr_is_read=reads_ecr(query.given.text, has_media),
        )
        return cls(
            query_id=query.given.item_id,
            instruction=query.instruction,
            text=query.given.text,
            ecr=said.text,
            has_media=has_media,
            key=key,
            words_tokens=words_tokens or most,
            ecr_spent=Spent.of_reasoned(said),
            embedding_spent=Spent.of_embedded(made) if made else NOTHING,
        )


def most_words_tokens(
    *, prompt_tokens: int, visual_tokens: int, output_tokens: int, ecr_is_read: bool
) -> int:
    """Above the tokens of a query's words, from the counts of its ECR.

    The prompt that the ECR answered holds the words, and template and task besides: a wide bound.
    What a request does not use goes back, but a small budget starts fewer requests by it.

    Args:
        prompt_tokens: text and visual together.
        visual_tokens: of them.
        output_tokens: of the ECR.
        ecr_is_read: see `prompts.reads_ecr`.

    >>> most_words_tokens(prompt_tokens=40, visual_tokens=36, output_tokens=9, ecr_is_read=True)
    13
    """
    words = prompt_tokens - visual_tokens
    return words + output_tokens if ecr_is_read else words
