"""Where the tokens of a query went: by stage, prompt and output, text and visual, cached."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal

from tte2_ray.engines import Embedded, Reasoned

SpendingStage = Literal["query_ecr", "query_embedding", "rewrite", "judge"]
STAGES: Final[tuple[SpendingStage, ...]] = ("query_ecr", "query_embedding", "rewrite", "judge")
RERANKING: Final[tuple[SpendingStage, ...]] = ("rewrite", "judge")
"""The stages that a budget bounds: without a query's own ECR and vector there is no order to
better."""


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Tokens of one or more requests; of no request, zeros."""

    prompt_text: int = 0
    """Read as text, chat template included."""
    prompt_visual: int = 0
    """Read in place of pixels."""
    output: int = 0
    """Written."""
    cached: int = 0
    """Of the prompt, those that the engine's prefix cache held."""
    kept: int = 0
    """Of all, those of answers that were kept from an earlier request and not served again."""
    requests: int = 0
    """How many were answered, kept ones among them."""

    @property
    def total(self) -> int:
        """What counts against a budget: prompt and output, cached and kept ones as all others.

        >>> Spent(prompt_text=5, prompt_visual=36, output=2, cached=32).total
        43
        """
        return self.prompt_text + self.prompt_visual + self.output

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(**{f.name: getattr(self, f.name) + getattr(other, f.name)
                        for f in fields(self)})  # fmt: skip

    @classmethod
    def on(
        cls,
        *,
        prompt_tokens: int,
        visual_tokens: int,
        output_tokens: int = 0,
        cached_tokens: int = 0,
        kept: bool = False,
    ) -> "Spent":
        """What one answer of an engine cost.

        Args:
            prompt_tokens: text and visual together, as engines count.
            visual_tokens: those of them that stand for pixels.
            output_tokens: written.
            cached_tokens: of the prompt, out of the prefix cache.
            kept: the answer was not served again.
        """
        total = prompt_tokens + output_tokens
        return cls(
            prompt_text=prompt_tokens - visual_tokens,
            prompt_visual=visual_tokens,
            output=output_tokens,
            cached=cached_tokens,
            kept=total if kept else 0,
            requests=1,
        )

    @classmethod
    def of_reasoned(cls, said: Reasoned, *, kept: bool = False) -> "Spent":
        """What an ECR or a rewrite cost."""
        return cls.on(
            prompt_tokens=said.prompt_tokens,
            visual_tokens=said.visual_tokens,
            output_tokens=said.output_tokens,
            cached_tokens=said.cached_tokens,
            kept=kept,
        )

    @classmethod
    def of_embedded(cls, made: Embedded, *, kept: bool = False) -> "Spent":
        """What a vector cost."""
        return cls.on(prompt_tokens=made.prompt_tokens, visual_tokens=made.visual_tokens, kept=kept)


NOTHING: Final = Spent()


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What one query cost, by stage."""

    by_stage: Mapping[SpendingStage, Spent] = field(default_factory=dict)
    """Stages that spent nothing may be left out."""

    def __getitem__(self, stage: SpendingStage) -> Spent:
        return self.by_stage.get(stage, NOTHING)

    def __add__(self, other: "Ledger") -> "Ledger":
        return Ledger(by_stage={stage: self[stage] + other[stage] for stage in STAGES})

    @property
    def reranking(self) -> int:
        """Tokens that count against the budget."""
        return sum(self[stage].total for stage in RERANKING)

    @property
    def total(self) -> int:
        """Tokens of all stages; the corpus's offline ECRs are told elsewhere, never in here."""
        return sum(self[stage].total for stage in STAGES)

    def to_rows(self, query_id: str) -> list[dict[str, Any]]:
        """One row for each stage, in the order of the cascade, with the fields of `Spent`.

        >>> Ledger(by_stage={"judge": Spent(prompt_text=7, requests=1)}).to_rows("q")[-1]["stage"]
        'judge'
        """
        return [
            {
                "query_id": query_id,
                "stage": stage,
                **{each.name: getattr(self[stage], each.name) for each in fields(Spent)},
            }
            for stage in STAGES
        ]
