"""What a calibration tries."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

from tte2_ray.cascade.plan import LEAST_JUDGED
from tte2_ray.cascade.policy import NEVER
from tte2_ray.config import require_at_least
from tte2_ray.errors import ConfigError

Stops = tuple[int, float, float, int]
"""judge_step, judge_stop, stop_margin, rewrite_step."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What is tried."""

    judge: tuple[int, ...] = (0, 2, 3, 4, 5, 6, 8, 10, 15, 20)
    """How many candidates are judged."""
    rewrite: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 8)
    """How many of those are rewritten."""
    band_shares: tuple[float, ...] = (0.25, 0.5, 0.75, 0.9)
    """Shares of queries at whose margin a band ends."""
    judge_step: tuple[int, ...] = (0, 3)
    judge_stop: tuple[float, ...] = (0.5, 0.8, 0.95)
    """Tried where judging goes by steps."""
    stop_margin: tuple[float, ...] = (NEVER, 0.8, 0.5, 0.2, 0.05)
    rewrite_step: tuple[int, ...] = (0, 1)
    """How many of the first candidates are to have been rewritten; 0 rewrites at once."""
    fusion_weight: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
    """Of which it is told what the best fixed numbers come to. A policy holds for
    `cascade.fusion_weight` alone: set that first, and calibrate again."""
    most_tokens: int = 0
    """Above 0, the policy is the best of those that spend no more than this on reranking the mean
    query, and is held against the cheapest fixed numbers that are as good. 0 takes the cheapest
    policy that is as good as the best fixed numbers."""
    tolerance: float = 0.002
    """By how much the quality of a cheaper one may be lower than the best."""

    def __post_init__(self) -> None:
        require_at_least(0, self, ("tolerance", "most_tokens"), "calibrate.")
        counts = f"0 or at least {LEAST_JUDGED}, since one score alone is no order"
        self._require("judge", _no_lone_score, counts)
        self._require("judge_step", _no_lone_score, counts)
        self._require("band_shares", lambda share: 0 <= share <= 1, "between 0 and 1")
        for name in ("rewrite", "judge_stop", "stop_margin", "rewrite_step", "fusion_weight"):
            self._require(name, lambda value: value >= 0, "at least 0")
        self._require_tries()

    def _require(self, name: str, fits: Callable[[float], bool], must: str) -> None:
        for value in getattr(self, name):
            if not fits(value):  # true of NaN, too
                raise ConfigError(f"calibrate.{name} holds {value}: each must be {must}")

    def _require_tries(self) -> None:
        lists = ["judge", "rewrite", "judge_step", "stop_margin", "rewrite_step"]
        lists += ["judge_stop"] if any(self.judge_step) else []
        for name in lists:
            if not getattr(self, name):
                raise ConfigError(f"calibrate.{name} is empty: name at least one value to try")
        if not any(self.judge):
            raise ConfigError("calibrate.judge is 0 alone: nothing would be judged, and there is "
                              "nothing to calibrate")  # fmt: skip
        if min(self.rewrite) > max(self.judge):
            raise ConfigError(
                f"calibrate.rewrite tries {min(self.rewrite)} at least, above calibrate.judge, "
                f"which tries {max(self.judge)} at most: what is rewritten is judged again"
            )

    def numbers(self) -> Iterator[tuple[int, int]]:
        """Each (judge, rewrite) that is tried."""
        for judge, rewrite in product(sorted(set(self.judge)), sorted(set(self.rewrite))):
            if rewrite <= judge:
                yield judge, rewrite

    def stops(self) -> Iterator[Stops]:
        """Each that is tried."""
        tried = product(self.judge_step, self.stop_margin, self.rewrite_step)
        for step, within, looked_at in tried:
            for stop in self.judge_stop if step else (NEVER,):
                yield step, stop, within, looked_at


def _no_lone_score(count: float) -> bool:
    return count == 0 or count >= LEAST_JUDGED
