"""What the demo states of itself: time, accounting, answers; each a row of build/demo.json."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tools.demo.ask import Answer
from tools.intervals import Estimate, mean_of_means
from tools.shown import Row
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.pipelines.index.config import IndexConfig

FIRST_S, AGAIN_S = 480, 120


def time_row(seconds: float, again: bool) -> Row:
    """How long the demo took.

    Args:
        seconds: since `make demo` was typed.
        again: whether it had run to its end before with this world and these models.
    """
    limit, which = (AGAIN_S, "again") if again else (FIRST_S, "first time")
    return Row(name=f"run, {which}", value=round(seconds, 1), unit="s", target=f"< {limit}",
               holds=seconds < limit)  # fmt: skip


def modalities(config: IndexConfig, item_ids: Iterable[str]) -> Counter[str]:
    """How many of these items a reader of the index finds, by modality.

    Args:
        config: of the job, with the `uri` of its Milvus.
        item_ids: that are looked for.

    Raises:
        ResourceMissingError: there is no such index.
    """
    found = Searcher(config.milvus).fetch(config.index, item_ids, output_fields=["modality"])
    return Counter(str(fields["modality"]) for fields in found.values())


def rows(
    answers: Sequence[Answer],
    results: dict[str, Any],
    items: Counter[str],
    indexed: Counter[str],
    again: bool,
) -> list[Row]:
    """All other rows.

    Args:
        answers: of every query.
        results: results.json of the job.
        items: of the world, by modality.
        indexed: those of them that the index holds, by modality.
        again: see `time_row`.
    """
    count = results["rows"]
    kept = ("indexed", "unchanged", "rejected")
    closed = " + ".join(f"{count[name]} {name}" for name in kept)
    written = results["tokens_this_run"]["reason_output"]
    right = right_at_1(answers)
    answered = sum(bool(answer.hits) for answer in answers)
    return [
        Row(name="items of the world", value=items.total(), unit="items",
            target=f"= {count['in']} rows in", holds=items.total() == count["in"],
            n=items.total()),
        Row(name="rows in", value=count["in"], unit="rows", target=f"= {closed}",
            holds=count["in"] > 0 and count["in"] == sum(count[name] for name in kept),
            n=count["in"]),
        *_index_rows(count["indexed"] + count["unchanged"], items, indexed),
        Row(name="version is live", value=int(results["live"]), unit="yes", target="= 1",
            holds=results["live"]),
        Row(name="tokens written by the job", value=written, unit="tokens",
            target="= 0" if again else "", holds=not (again and written), n=count["in"]),
        Row(name="queries answered", value=answered, unit="queries", target=f"= {len(answers)}",
            holds=0 < answered == len(answers), n=len(answers)),
        Row(name="right at 1", value=right.value, unit="share", target="", holds=True,
            n=right.n, low=right.low, high=right.high),
    ]  # fmt: skip


def _index_rows(told: int, items: Counter[str], indexed: Counter[str]) -> list[Row]:
    """What is found in the index: all that the job tells of, and some of every modality."""
    return [
        Row(name="items found in the index", value=indexed.total(), unit="items",
            target=f"= {told} indexed or unchanged", holds=indexed.total() == told,
            n=items.total()),
        *(Row(name=f"items found in the index: {modality}", value=indexed[modality], unit="items",
              target="> 0", holds=indexed[modality] > 0, n=items[modality])
          for modality in sorted(items)),
    ]  # fmt: skip


def right_at_1(answers: Sequence[Answer]) -> Estimate:
    """Share of the answers whose first hit is right, with its 95 % interval."""
    import numpy as np

    return mean_of_means([np.array([answer.right_at_1 for answer in answers], dtype=float)])
