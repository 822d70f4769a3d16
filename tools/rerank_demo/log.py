"""A log as people leave it: a few queries are asked again and again."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

from tools.demo.miniature import Question
from tte2_ray.pipelines.evaluate.log_file import log_row

SKEW = 1.0
"""Of Zipf's law: the k-th most frequent query is asked 1/k as often as the first."""
FIRST_AT = 1_767_225_600
"""Seconds since the epoch of the first query."""


def write_log(path: Path, questions: Sequence[Question], rows: int, seed: int) -> dict[str, str]:
    """Writes a log in which every question is asked once, and then some again.

    Args:
        path: of the JSONL file.
        questions: that are asked.
        rows: of the log, at least one for each question.
        seed: of the draw.

    Returns:
        The id of the question by the id of the row.
    """
    rng = random.Random(f"log/{seed}")
    often = rng.sample(list(questions), len(questions))
    weights = [1 / rank**SKEW for rank in range(1, len(often) + 1)]
    asked = [*often, *rng.choices(often, weights, k=rows - len(often))]
    rng.shuffle(asked)
    ids = {f"row-{number:04d}": question for number, question in enumerate(asked)}
    lines = [
        json.dumps(log_row(question.query) | {"query_id": row, "time": FIRST_AT + 7 * number})
        for number, (row, question) in enumerate(ids.items())
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return {row: question.query.given.item_id for row, question in ids.items()}
