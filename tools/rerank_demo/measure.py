"""What is asked of the demo, as rows of its table: read from the files of each run."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tools.demo.miniature import Question
from tools.shown import Row
from tte2_ray.metrics.intervals import mean_of_means
from tte2_ray.metrics.trec import read_run
from tte2_ray.pipelines.outcome import RESULTS
from tte2_ray.pipelines.rerank.files import JUDGEMENTS, QUERIES, RUN

if TYPE_CHECKING:
    import numpy as np


def rows(
    folder: Path, budget: int, asked: Mapping[str, str], questions: Mapping[str, Question]
) -> Iterator[Row]:
    """The rows of one run.

    Args:
        folder: of its files.
        budget: tokens a query.
        asked: id of the question by id of the row of the log.
        questions: by id.
    """
    results = json.loads((folder / RESULTS).read_text())
    found, of = results["queries"], f"budget {budget:,}: "
    parts = ("answered", "degraded", "rejected")
    closed = " + ".join(f"{found[part]} {part}" for part in parts)
    count = found["in"]
    yield Row(name=f"{of}queries in", value=count, unit="queries",
              target=f"= {len(asked)} = {closed}",
              holds=count == len(asked) == sum(found[part] for part in parts),
              n=count)  # fmt: skip
    yield Row(name=f"{of}distinct queries", value=found["distinct"], unit="queries",
              target=f"= {len(questions)}", holds=found["distinct"] == len(questions),
              n=count)  # fmt: skip
    most, total = _spent(folder)
    yield Row(name=f"{of}most that a query spent", value=most, unit="tokens",
              target=f"<= {budget}", holds=most <= budget, n=found["distinct"])  # fmt: skip
    yield Row.stated(f"{of}spent by a distinct query", total / found["distinct"], "tokens",
                     found["distinct"])  # fmt: skip
    for name, values in _right(folder, asked, questions).items():
        right = mean_of_means([values])
        yield Row.stated(f"{of}right at 1, {name}", right.value, "share", right.n, right.low,
                         right.high)  # fmt: skip


def _spent(folder: Path) -> tuple[int, int]:
    """The most that reranking one distinct query cost, and the sum over all of them."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder / QUERIES, columns=["query_id", "asked_as", "spent"]).to_pylist()
    spent = [row["spent"] for row in table if row["query_id"] == row["asked_as"]]
    return max(spent), sum(spent)


def _right(
    folder: Path, asked: Mapping[str, str], questions: Mapping[str, Question]
) -> "dict[str, np.ndarray]":
    """Whether the first item answers, a value a row of the log: as retrieved, and reranked."""
    import numpy as np
    import pyarrow.parquet as pq

    judged = pq.read_table(folder / JUDGEMENTS, columns=["query_id", "item_id", "rank"])
    first = {row["query_id"]: row["item_id"] for row in judged.to_pylist() if row["rank"] == 1}
    as_asked = pq.read_table(folder / QUERIES, columns=["query_id", "asked_as"]).to_pylist()
    retrieved = {row["query_id"]: first[row["asked_as"]] for row in as_asked}
    reranked = {row: items[0] for row, items in
                read_run((folder / RUN).read_text().splitlines()).items()}  # fmt: skip
    orders = {"as retrieved": retrieved, "reranked": reranked}
    return {
        name: np.array([questions[asked[row]].answers(item) for row, item in sorted(order.items())],
                       dtype=float)
        for name, order in orders.items()
    }  # fmt: skip
