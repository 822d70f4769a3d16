"""What the demo states of itself: time, accounting, answers; each a row of build/demo.json."""

from collections.abc import Sequence
from typing import Any

from tools.bootstrap import Estimate, mean_of_means
from tools.demo.ask import Answer
from tools.shown import Row

FIRST_S, AGAIN_S = 480, 120


def rows(
    answers: Sequence[Answer], results: dict[str, Any], items: int, seconds: float, again: bool
) -> list[Row]:
    """The rows.

    Args:
        answers: of every query.
        results: results.json of the job.
        items: of the world.
        seconds: since `make demo` was typed.
        again: whether the demo had run to its end before with this world and these models.
    """
    limit, which = (AGAIN_S, "again") if again else (FIRST_S, "first time")
    count = results["rows"]
    kept = ("indexed", "unchanged", "rejected")
    closed = " + ".join(f"{count[name]} {name}" for name in kept)
    written = results["tokens_this_run"]["reason_output"]
    right = right_at_1(answers)
    answered = sum(bool(answer.hits) for answer in answers)
    return [
        Row(name=f"run, {which}", value=round(seconds, 1), unit="s", target=f"< {limit}",
            holds=seconds < limit),
        Row(name="items of the world", value=items, unit="items", target=f"= {count['in']} rows in",
            holds=items == count["in"], n=items),
        Row(name="rows in", value=count["in"], unit="rows", target=f"= {closed}",
            holds=count["in"] > 0 and count["in"] == sum(count[name] for name in kept),
            n=count["in"]),
        Row(name="tokens written by the job", value=written, unit="tokens",
            target="= 0" if again else "", holds=not (again and written), n=count["in"]),
        Row(name="queries answered", value=answered, unit="queries", target=f"= {len(answers)}",
            holds=0 < answered == len(answers), n=len(answers)),
        Row(name="right at 1", value=right.value, unit="share", target="", holds=True,
            n=right.n, low=right.low, high=right.high),
    ]  # fmt: skip


def right_at_1(answers: Sequence[Answer]) -> Estimate:
    """Share of the answers whose first hit is right, with its 95 % interval."""
    import numpy as np

    return mean_of_means([np.array([answer.right_at_1 for answer in answers], dtype=float)])
