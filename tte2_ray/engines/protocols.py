"""What the system asks of a model, whatever serves it.

Requests are awaited one by one and answered as they are done: an engine batches by itself, so that
callers keep many in flight. An answer never depends on its neighbours but for float rounding.
A request that the engine refuses (too long, malformed) ends in a `RowError`; a dead engine ends in
a `RuntimeFailure`. A caller that has a budget says the most that a prompt may cost: one above it is
refused before it is served, so that nothing is spent on it.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image

    from tte2_ray.media import DecodedItem, DecodedVideo


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelInput:
    """One user turn: the words, and the media that stand before them."""

    text: str
    images: "list[Image]" = field(default_factory=list)
    """RGB, as large as the model shall see them."""
    video: "DecodedVideo | None" = None
    """Sampled frames with their times."""

    @classmethod
    def of(cls, text: str, decoded: "DecodedItem") -> "ModelInput":
        """The turn that shows a decoded item.

        Args:
            text: the item's words with the instruction, from `tte2_ray.prompts`.
            decoded: its media.
        """
        return cls(text=text, images=decoded.images, video=decoded.video)


@dataclass(frozen=True, kw_only=True)
class Reasoned:
    """What a reasoner wrote, and what that cost."""

    text: str
    """The ECR; closed by the caller where `truncated`."""
    truncated: bool
    """The output met its token limit."""
    prompt_tokens: int
    """Text and visual tokens, chat template included."""
    visual_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    """Tokens of the prompt that the prefix cache had."""
    note: str = ""
    """What was changed of the words before they were read; "" where nothing was."""


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """A vector, and what it cost."""

    vector: list[float]
    """L2-normalised."""
    prompt_tokens: int
    visual_tokens: int
    cached_tokens: int = 0
    """Tokens of the prompt that the prefix cache had."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """How well a candidate answers a query, and what it cost to tell."""

    score: float
    """`sigmoid(logit yes - logit no)` behind the prompt: 0 to 1."""
    prompt_tokens: int
    """Text and visual tokens, chat template included."""
    visual_tokens: int
    cached_tokens: int = 0
    """Tokens of the prompt that the prefix cache had."""


class Reasoner(Protocol):
    """Writes an ECR about an input."""

    async def reason(
        self, given: ModelInput, *, most_prompt_tokens: int = 0, most_output_tokens: int = 0
    ) -> Reasoned:
        """The ECR of one input.

        Args:
            given: what it is written about.
            most_prompt_tokens: a longer prompt is refused unserved; 0 for no bound.
            most_output_tokens: where the output ends, if that comes before the limit of the
                sampling; 0 for that limit alone.

        Raises:
            RowError: the engine refuses this input, or it is `over_price`.
            RuntimeFailure: the engine is dead.
        """
        ...

    def close(self) -> None:
        """Ends the engine and its processes."""
        ...


class Embedder(Protocol):
    """Turns an input and its ECR into a vector."""

    dimension: int

    async def embed(self, given: ModelInput, ecr: str) -> Embedded:
        """The vector of one input.

        Args:
            given: what the reasoner was shown too.
            ecr: what it wrote; "" embeds directly.

        Raises:
            RowError: the engine refuses this input.
            RuntimeFailure: the engine is dead.
        """
        ...

    def close(self) -> None:
        """Ends the engine and its processes."""
        ...


class Judge(Protocol):
    """Tells how well a candidate answers a query, one pair at a time."""

    async def judge(
        self, query: ModelInput, candidate: ModelInput, *, most_prompt_tokens: int = 0
    ) -> Judged:
        """The score of one pair.

        Args:
            query: its words, as `prompts.judged_query` puts them, and media if a judge shall see
                them.
            candidate: its words, which may be an ECR without marks, and media likewise.
            most_prompt_tokens: a longer prompt is refused unserved; 0 for no bound.

        Raises:
            RowError: the engine refuses this pair, or it is `over_price`.
            RuntimeFailure: the engine is dead.
        """
        ...

    def close(self) -> None:
        """Ends the engine and its processes."""
        ...
