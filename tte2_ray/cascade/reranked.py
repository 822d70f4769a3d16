"""What the cascade answers: an order, how it came about, and what it cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from tte2_ray.cascade.candidate import Candidate
from tte2_ray.cascade.ledger import NOTHING, Ledger, SpendingStage, Spent

Step = Literal["full", "fewer_rewrites", "fewer_judgements", "retrieval_order"]
"""Of the ladder: how far a short budget brought the cascade down."""
LADDER: Final[tuple[Step, ...]] = ("full", "fewer_rewrites", "fewer_judgements", "retrieval_order")

JudgedBy = Literal["retrieved", "judged", "rewritten"]
"""The last stage that had a say in a candidate's score."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One candidate in the final order."""

    candidate: Candidate
    stage: JudgedBy = "retrieved"
    """`retrieved`: not judged. `judged`: on its plain ECR, or on its pixels. `rewritten`: on the
    ECR that was rewritten for the query."""
    plain_score: float | None = None
    """The judge's, of the plain ECR or the pixels; None where that was not judged."""
    score: float | None = None
    """The judge's that counts, 0 to 1; None where it was not judged."""
    final_score: float = 0.0
    """What the order follows among the judged: `score`, or fused with the retriever's."""
    rewrite: str = ""
    """The rewritten ECR that was judged; "" where there is none."""
    note: str = ""
    """What became of a rewrite: `overrun` (cut and closed), `no_statement` (its thinking stands
    for it), `unparsable` (its plain ECR was kept)."""
    refused: str = ""
    """Class of the error that ended its judgement or its rewrite; "" for none."""
    spent: Spent = NOTHING
    """On judging and rewriting it."""

    def to_row(self, query_id: str, place: int) -> dict[str, Any]:
        """A row of the judgement table: enough to mine and to replay. NaN where no score is.

        Args:
            query_id: of the query.
            place: in the final order, from 1.
        """
        missing = float("nan")
        return {
            "query_id": query_id,
            "item_id": self.candidate.item_id,
            "place": place,
            "rank": self.candidate.rank,
            "retriever_score": self.candidate.retriever_score,
            "ecr_key": self.candidate.ecr_key,
            "stage": self.stage,
            "plain_score": missing if self.plain_score is None else self.plain_score,
            "score": missing if self.score is None else self.score,
            "final_score": self.final_score if self.score is not None else missing,
            "rewrite": self.rewrite,
            "note": self.note,
            "refused": self.refused,
            "tokens": self.spent.total,
            "output_tokens": self.spent.output,
            "visual_tokens": self.spent.prompt_visual,
        }


@dataclass(frozen=True, kw_only=True)
class Reranked:
    """The answer to one query."""

    query_id: str
    judgements: tuple[Judgement, ...]
    """Best first; every candidate once."""
    step: Step
    """Where on the ladder it ended; `full` where the budget let the policy have all it wanted."""
    wanted_judgements: int
    """By the policy, had the budget allowed."""
    wanted_rewrites: int
    """By the policy, of what was judged."""
    ledger: Ledger
    """Of all stages, the query's own ECR and vector included."""
    notes: Mapping[str, int] = field(default_factory=dict)
    """How often: `refused:<stage>:<class>`, `rewrite:<note>`, `kept:<stage>`."""
    allowed: int | None = field(default=None, compare=False)
    """Tokens that it might spend when it was begun: of a mean budget, its share; None for no bound,
    and where no `rerank_many` said it."""
    seconds: Mapping[SpendingStage, float] = field(default_factory=dict, compare=False)
    """From the first request of a stage to its last answer, waiting for other queries included; of
    the stages that asked an engine for all that they were told."""

    @property
    def order(self) -> tuple[str, ...]:
        """Ids, best first."""
        return tuple(judgement.candidate.item_id for judgement in self.judgements)

    @property
    def spent(self) -> int:
        """Tokens that count against the budget."""
        return self.ledger.reranking

    @property
    def refusals(self) -> int:
        """Judgements and rewrites that an engine or a file refused."""
        return sum(n for note, n in self.notes.items() if note.startswith("refused:"))

    @property
    def degraded(self) -> bool:
        """Whether it is less than the policy wanted: the budget was short, or something refused."""
        return self.step != "full" or self.refusals > 0

    def to_rows(self) -> list[dict[str, Any]]:
        """The rows of the judgement table, in the final order."""
        return [each.to_row(self.query_id, place) for place, each in enumerate(self.judgements, 1)]
