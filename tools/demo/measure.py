"""What the demo states of itself: time, accounting, answers; each a row of build/demo.json."""

from collections.abc import Sequence
from typing import Any

from tools.demo.ask import Answer
from tools.shown import Row

FIRST_S, AGAIN_S = 480, 120
RESAMPLES = 10_000


def rows(
    answers: Sequence[Answer], results: dict[str, Any], seconds: float, again: bool
) -> list[Row]:
    """The rows.

    Args:
        answers: of every query.
        results: results.json of the job.
        seconds: since `make demo` was typed.
        again: whether the demo had run to its end before with this world and these models.
    """
    limit, which = (AGAIN_S, "again") if again else (FIRST_S, "first time")
    count = results["rows"]
    kept = ("indexed", "unchanged", "rejected")
    closed = " + ".join(f"{count[name]} {name}" for name in kept)
    written = results["tokens_this_run"]["reason_output"]
    low, high = interval([answer.right_at_1 for answer in answers])
    answered = sum(bool(answer.hits) for answer in answers)
    return [
        Row(name=f"run, {which}", value=round(seconds, 1), unit="s", target=f"< {limit}",
            holds=seconds < limit),
        Row(name="rows in", value=count["in"], unit="rows", target=f"= {closed}",
            holds=count["in"] > 0 and count["in"] == sum(count[name] for name in kept),
            n=count["in"]),
        Row(name="tokens written by the job", value=written, unit="tokens",
            target="= 0" if again else "", holds=not (again and written), n=count["in"]),
        Row(name="queries answered", value=answered, unit="queries", target=f"= {len(answers)}",
            holds=0 < answered == len(answers), n=len(answers)),
        Row(name="right at 1", value=mean_right(answers), unit="share", target="", holds=True,
            n=len(answers), low=low, high=high),
    ]  # fmt: skip


def mean_right(answers: Sequence[Answer]) -> float:
    """Share of the answers whose first hit is right; 0 for none."""
    return sum(answer.right_at_1 for answer in answers) / max(1, len(answers))


def interval(outcomes: Sequence[bool], seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of a share: percentiles of its bootstrap over the outcomes.

    >>> interval([True] * 8)
    (1.0, 1.0)
    >>> low, high = interval([True, False] * 50)
    >>> 0.38 < low < 0.42 and 0.58 < high < 0.62
    True
    """
    import numpy as np

    drawn = np.random.default_rng(seed).choice(
        np.asarray(outcomes, dtype=float), (RESAMPLES, len(outcomes))
    )
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
