"""How the cascade works: how much it looks at, what the models are shown, how scores are joined."""

from dataclasses import dataclass, field
from typing import Literal

from tte2_ray.config import location, require_at_least
from tte2_ray.errors import ConfigError

CascadeMode = Literal["ecr", "media"]
RewriteBestOf = Literal["judge", "retriever"]


@dataclass(frozen=True, kw_only=True)
class PricingConfig:
    """What stands around the counted parts of a prompt. A request above its price is refused."""

    judge_overhead: int = 32
    """Tokens of the judge's template, system message and instruction; the miniature's are 28."""
    rewrite_overhead: int = 32
    """Tokens of the rewriter's."""
    slack: float = 1.0
    """By what a count of the reasoner's tokenizer or processor is multiplied. 1 where all models
    are of one family; else above the worst ratio of their counts, e.g. 1.3."""

    def __post_init__(self) -> None:
        of = "cascade.pricing."
        require_at_least(0, self, ("judge_overhead", "rewrite_overhead"), of)
        require_at_least(1, self, ("slack",), of)


@dataclass(frozen=True, kw_only=True)
class CascadeConfig:
    """Retrieve, rewrite, judge. What the paper does not say of it is a choice, and stands here."""

    retrieve: int = 50
    """Candidates that the first stage finds for a query."""
    judge: int = 20
    """How many of them are judged, the first ones. A policy takes its place."""
    rewrite: int = 5
    """How many of those are rewritten for the query. A policy takes its place."""
    mode: CascadeMode = "ecr"
    """`ecr`: the judge reads what was reasoned about a candidate. `media`: it sees the candidate
    itself, and nothing is rewritten: the MM Ranker, with `judge` as large as `retrieve`."""
    rewrite_sees_media: bool = True
    """Whether the rewriter sees the candidate, beside its ECR."""
    rewrite_adds: bool = True
    """Whether a rewrite adds to the candidate's ECR, and the judge reads it behind that; else it
    says all anew, and the judge reads it alone."""
    rewrite_best_of: RewriteBestOf = "judge"
    """`judge`: all plain ECRs are judged, the best are rewritten and judged again. `retriever`: the
    first ones are rewritten, then all are judged once, as in the paper's figure."""
    rewrite_max_tokens: int = 32
    """Longest rewrite; one that meets it is cut to its last clause and closed."""
    stop_margin: float = 2.0
    """A candidate is rewritten if its score is less than this behind the best one's; where that is
    true of the best alone, nothing is. Scores lie in 0 to 1, so that 2 stops nothing. A policy
    takes its place."""
    fusion_weight: float = 0.0
    """Above 0, the order follows retriever + weight x judge (LamRA: 1, of cosines); 0 follows the
    judge alone, as it must where scores of a first-stage run have a scale of their own."""
    instructed: bool = False
    """Whether the task stands before the query's words; the miniature was trained without."""
    judge_sees_query: bool = False
    """Whether the judge sees a query's media in place of reading its ECR, once a candidate."""
    policy: str = location("")
    """File of a calibrated policy; "" for `judge`, `rewrite` and `stop_margin` as they stand."""
    rewrites: bool = True
    """False leaves a policy's rewrites out and judges what it judges: TTE + ECRR."""
    pricing: PricingConfig = field(default_factory=PricingConfig)

    def __post_init__(self) -> None:
        of = "cascade."
        require_at_least(1, self, ("retrieve", "rewrite_max_tokens"), of)
        require_at_least(0, self, ("judge", "rewrite", "stop_margin", "fusion_weight"), of)
        if self.judge > self.retrieve:
            raise ConfigError(
                f"{of}judge is {self.judge}, but {of}retrieve finds {self.retrieve} candidates; "
                "retrieve at least as many as are judged"
            )
        if self.rewrite > self.judge:
            raise ConfigError(
                f"{of}rewrite is {self.rewrite}, above {of}judge, which is {self.judge}: what is "
                "rewritten is judged"
            )
        if self.mode == "media" and self.rewrite:
            raise ConfigError(
                f"{of}mode is media, and {of}rewrite {self.rewrite}: a judge that sees the pixels "
                "reads no rewrites; set rewrite=0"
            )
