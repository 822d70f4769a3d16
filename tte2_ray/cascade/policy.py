"""Where to spend: how much of a query is judged and rewritten, and when it is clear enough.

A policy is a small JSON file that is read by eye as well as by the cascade:

    {
      "format": "tte2_ray.policy/1",
      "name": "mini, dev seeds",
      "bands": [
        {"least_margin": 0.0, "judge": 20, "rewrite": 5},
        {"least_margin": 0.1, "judge": 5, "rewrite": 1}
      ],
      "judge_step": 5,
      "judge_stop": 0.6,
      "stop_margin": 0.4,
      "rewrite_step": 1,
      "made_of": {"queries": 400, "judge": "…"}
    }
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tte2_ray.cascade.candidate import Candidate
from tte2_ray.cascade.plan import LEAST_JUDGED, Wanted
from tte2_ray.config import fingerprint, require_at_least
from tte2_ray.errors import ConfigError

FORMAT: Final = "tte2_ray.policy/1"
NEVER: Final = 2.0
"""A margin that scores between 0 and 1 do not reach."""


@dataclass(frozen=True, kw_only=True)
class Band:
    """What is done with queries whose first candidate leads by at least so much."""

    least_margin: float
    """Of retriever scores: the first less the second."""
    judge: int
    """How many candidates are judged, at most."""
    rewrite: int
    """How many of those are rewritten, at most."""

    def __post_init__(self) -> None:
        require_at_least(0, self, ("least_margin", "judge", "rewrite"), "band.")
        if self.rewrite > self.judge:
            raise ConfigError(f"band.rewrite is {self.rewrite}, above band.judge {self.judge}")


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How much is looked at, by what is known so far."""

    name: str
    bands: tuple[Band, ...]
    """With rising `least_margin`, the first at 0."""
    judge_step: int = 0
    """Candidates that are judged at a time, before it is asked whether that is enough; 0 for all
    at once. Each step waits for the one before."""
    judge_stop: float = NEVER
    """After a step, no more are judged if the best score leads by at least this."""
    stop_margin: float = NEVER
    """Rewritten is what lies less than this behind the best score; nothing, if that is the best
    alone."""
    rewrite_step: int = 0
    """Rewriting goes on until so many of the first candidates were rewritten, so many at a time:
    with 1, until the one that stands first was looked at. 0 rewrites all that a band allows at
    once. Each step waits for the one before."""
    made_of: Mapping[str, Any] = field(default_factory=dict)
    """What it was calibrated on; for the reader."""

    def __post_init__(self) -> None:
        require_at_least(0, self, ("judge_step", "judge_stop", "stop_margin", "rewrite_step"),
                         "policy.")  # fmt: skip
        if self.judge_step and self.judge_step < LEAST_JUDGED:
            raise ConfigError(
                f"policy.judge_step is {self.judge_step}: 0 for all at once, or at least "
                f"{LEAST_JUDGED}, since one score alone is no order"
            )
        margins = [band.least_margin for band in self.bands]
        if not margins or margins[0] != 0 or sorted(set(margins)) != margins:
            raise ConfigError(
                f"policy.bands have the least margins {margins}: they must rise, from 0"
            )

    @classmethod
    def fixed(cls, judge: int, rewrite: int, *, stop_margin: float = NEVER) -> "Policy":
        """The same for every query.

        Args:
            judge: how many candidates are judged.
            rewrite: how many of those are rewritten.
            stop_margin: see the field.
        """
        band = Band(least_margin=0.0, judge=judge, rewrite=rewrite)
        return cls(name=f"fixed {judge}, {rewrite}", bands=(band,), stop_margin=stop_margin)

    def without_rewrites(self) -> "Policy":
        """The same judgements, and nothing rewritten."""
        bands = tuple(replace(band, rewrite=0) for band in self.bands)
        return replace(self, name=f"{self.name}, no rewrites", bands=bands)

    @property
    def fingerprint(self) -> str:
        """Of what decides an order; 16 hex digits."""
        return fingerprint(replace(self, name="", made_of={}))

    def wanted(self, candidates: Sequence[Candidate]) -> Wanted:
        """What is to be done with a query, by what its retriever found.

        Args:
            candidates: best first. One alone is not judged: there is no order to better.
        """
        lead = margin(candidates)
        band = [each for each in self.bands if each.least_margin <= lead][-1]
        judge = min(band.judge, len(candidates))
        if judge < LEAST_JUDGED:
            return Wanted(judge=0, rewrite=0)
        return Wanted(judge=judge, rewrite=min(band.rewrite, judge))


def margin(candidates: Sequence[Candidate]) -> float:
    """By how much the first candidate leads, in retriever scores; 0 where there are not two."""
    if len(candidates) < LEAST_JUDGED:
        return 0.0
    lead = candidates[0].retriever_score - candidates[1].retriever_score
    return max(0.0, lead)  # of a first-stage run, whose scores need not follow its order
