"""The cheapest policy that is as good as the best fixed numbers; or the best within a price.

    margins ─▶ bands ─ each (judge, rewrite) played ─▶ quality and tokens a band ─ fronts ─▶ policy

Bands share no query, so that what is best in one does not hang on the others: their fronts are put
together one after the other, exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tte2_ray.cascade.policy import Band, Policy, margin
from tte2_ray.errors import ValidationError
from tte2_ray.pipelines.evaluate.benchmark import Task
from tte2_ray.pipelines.evaluate.calibrate.fronts import Point, front, joined
from tte2_ray.pipelines.evaluate.calibrate.grid import Grid, Stops
from tte2_ray.pipelines.evaluate.calibrate.looked import Looked
from tte2_ray.pipelines.evaluate.calibrate.play import Worth, play

MARGIN_DIGITS: Final = 4
"""A policy is read by people."""
_ROUNDING: Final = 1e-9
"""Sums of the same values in another order differ by less."""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A policy on the dev queries."""

    policy: Policy
    quality: float
    """The mean over tasks."""
    tokens: float
    """Of a query, for rewriting and judging."""

    def as_dict(self) -> dict[str, Any]:
        """In the artefact."""
        return {"quality": round(self.quality, 4), "tokens_per_query": round(self.tokens, 1)}


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """What came out."""

    best: Tried
    """The policy to use; `made_of` says of what it was made."""
    fixed: Tried
    """The best fixed numbers: the cheapest of those within the tolerance of the best quality."""

    @property
    def saved(self) -> float:
        """The share of the fixed numbers' tokens that the policy does without."""
        return 1 - self.best.tokens / self.fixed.tokens if self.fixed.tokens else 0.0


def calibrate(
    tasks: Sequence[Task],
    looked: Mapping[str, Looked],
    grid: Grid,
    *,
    name: str,
    made_of: Mapping[str, Any],
) -> Calibrated:
    """Chooses a policy.

    Args:
        tasks: of the dev queries.
        looked: every query of the tasks.
        grid: what is tried.
        name: of the policy.
        made_of: models and data, for the reader of the artefact.

    Raises:
        ValidationError: a query was not looked at, or nothing that is tried costs so little.
    """
    lost = [query for task in tasks for query in task.ids if query not in looked]
    if lost:
        raise ValidationError(f"query {lost[0]} was not looked at, and {len(lost) - 1} others")
    tries, fixed = _Tries(tasks, looked), best_fixed(tasks, looked, grid)
    edges = _edges(looked.values(), grid.band_shares)
    found = [one for stops in grid.stops()
             if (one := tries.banded(stops, edges, grid, fixed.quality))]  # fmt: skip
    if grid.most_tokens:
        if not found:
            raise ValidationError(f"no policy that is tried reranks with {grid.most_tokens} "
                                  "tokens: raise calibrate.most_tokens, or let calibrate.judge "
                                  "try fewer")  # fmt: skip
        best = min(found, key=lambda each: (-each.quality, each.tokens))
        fixed = best_fixed(tasks, looked, grid, as_good_as=best.quality)
    else:
        best = min([fixed, *found], key=lambda each: each.tokens)
    # Bands that came out alike are one.
    bands = [b for i, b in enumerate(best.policy.bands)
             if not i or _numbers(b) != _numbers(best.policy.bands[i - 1])]  # fmt: skip
    told = {**made_of, "queries": len(looked), **best.as_dict(),
            "fixed": {**_told(fixed.policy), **fixed.as_dict()}}  # fmt: skip
    chosen = replace(best.policy, name=name, bands=tuple(bands), made_of=told)
    return Calibrated(best=Tried(policy=chosen, quality=best.quality, tokens=best.tokens),
                      fixed=fixed)  # fmt: skip


def best_fixed(
    tasks: Sequence[Task], looked: Mapping[str, Looked], grid: Grid, *, as_good_as: float = 1.0
) -> Tried:
    """The cheapest fixed numbers of those within the tolerance of the best quality.

    Args:
        tasks: of the dev queries.
        looked: every query of the tasks.
        grid: what is tried.
        as_good_as: no more quality is asked of them.
    """
    tries = _Tries(tasks, looked)
    tried = [tries.whole(Policy.fixed(*numbers)) for numbers in grid.numbers()]
    least = min(as_good_as, max(each.quality for each in tried)) - grid.tolerance
    return min((each for each in tried if each.quality >= least), key=lambda each: each.tokens)


class _Tries:
    """Plays policies over all queries; what a query adds to the mean over tasks is its weight."""

    def __init__(self, tasks: Sequence[Task], looked: Mapping[str, Looked]) -> None:
        self._looked = {query: looked[query] for task in tasks for query in task.ids}
        self._weight = {query: 1 / len(task.ids) / len(tasks) for task in tasks
                        for query in task.ids}  # fmt: skip
        self._margin = {query: margin(each.retrieved) for query, each in self._looked.items()}
        self._worth = Worth(tasks)

    def whole(self, policy: Policy) -> Tried:
        """A policy over all queries."""
        (point,) = self._points(policy, [0.0])
        return Tried(policy=policy, quality=point.quality, tokens=point.tokens)

    def banded(
        self, stops: Stops, edges: Sequence[float], grid: Grid, least: float
    ) -> Tried | None:
        """Under some stops the cheapest bands whose quality is at least `least`, or the best that
        cost no more than `grid.most_tokens`, where that is given; None where there are none."""
        step, stop, within, looked_at = stops
        options: list[list[Point]] = [[] for _ in edges]
        for numbers in grid.numbers():
            one = Band(least_margin=0.0, judge=numbers[0], rewrite=numbers[1])
            policy = Policy(name="", bands=(one,), judge_step=step, judge_stop=stop,
                            stop_margin=within, rewrite_step=looked_at)  # fmt: skip
            for of_band, point in zip(options, self._points(policy, edges), strict=True):
                of_band.append(point)
        sums = joined(map(front, options))
        if grid.most_tokens:
            good = [point for point in sums if point.tokens <= grid.most_tokens]
            good.sort(key=lambda point: (-point.quality, point.tokens))
        else:
            good = [point for point in sums if point.quality >= least - _ROUNDING]
            good.sort(key=lambda point: point.tokens)
        if not good:
            return None
        chosen = zip(edges, good[0].choices, strict=True)
        bands = tuple(Band(least_margin=edge, judge=judge, rewrite=rewrite)
                      for edge, (judge, rewrite) in chosen)  # fmt: skip
        policy = Policy(name="", bands=bands, judge_step=step, judge_stop=stop,
                        stop_margin=within, rewrite_step=looked_at)  # fmt: skip
        return self.whole(policy)

    def _points(self, policy: Policy, edges: Sequence[float]) -> list[Point]:
        """What a policy adds to quality and tokens of the mean query, by band."""
        played = {query: play(policy, each) for query, each in self._looked.items()}
        worth = self._worth({query: order for query, (order, _) in played.items()})
        quality, tokens = [0.0] * len(edges), [0.0] * len(edges)
        for query, (_, spent) in played.items():
            band = sum(edge <= self._margin[query] for edge in edges) - 1
            quality[band] += worth[query] * self._weight[query]
            tokens[band] += spent / len(played)
        choice = (policy.bands[0].judge, policy.bands[0].rewrite)
        return [Point(tokens=t, quality=q, choices=(choice,))
                for t, q in zip(tokens, quality, strict=True)]  # fmt: skip


def _edges(looked: Iterable[Looked], shares: Sequence[float]) -> list[float]:
    """Least margins of the bands: 0, then those that the shares of queries fall short of."""
    margins = sorted(margin(each.retrieved) for each in looked)
    at = [round(margins[int(share * (len(margins) - 1))], MARGIN_DIGITS) for share in shares]
    return sorted({0.0, *at})


def _numbers(band: Band) -> tuple[int, int]:
    return band.judge, band.rewrite


def _told(policy: Policy) -> dict[str, int]:
    return {"judge": policy.bands[0].judge, "rewrite": policy.bands[0].rewrite}
