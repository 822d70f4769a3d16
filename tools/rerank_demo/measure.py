"""What is asked of the demo, as rows of its table: read from the files of each run."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.demo.miniature import Question
from tools.shown import Row
from tte2_ray.metrics.intervals import ratio, share
from tte2_ray.metrics.trec import read_run
from tte2_ray.pipelines.outcome import RESULTS
from tte2_ray.pipelines.rerank.files import JUDGEMENTS, QUERIES, RUN

Right = dict[str, tuple[int, int]]
"""Of each question, the rows of the log whose first item answers it, and all its rows."""


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
    yield Row(name=f"{of}queries rejected", value=found["rejected"], unit="queries", target="= 0",
              holds=found["rejected"] == 0, n=count)  # fmt: skip
    most, total = _spent(folder)
    yield Row(name=f"{of}most that a query spent", value=most, unit="tokens",
              target=f"<= {budget}", holds=most <= budget, n=found["distinct"])  # fmt: skip
    if found["distinct"]:
        yield Row.stated(f"{of}spent by a distinct query", total / found["distinct"], "tokens",
                         found["distinct"])  # fmt: skip
    for name, right in _right(folder, asked, questions).items():
        yield from _shares(f"{of}right at 1, {name}", right)


def _spent(folder: Path) -> tuple[int, int]:
    """The most that reranking one distinct query cost, and the sum over all of them."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder / QUERIES, columns=["query_id", "asked_as", "spent"]).to_pylist()
    spent = [row["spent"] for row in table if row["query_id"] == row["asked_as"]]
    return max(spent, default=0), sum(spent)


def _shares(name: str, right: Right) -> Iterator[Row]:
    """Of the rows of the log, which is what its users see, and of the distinct queries.

    Rows that ask the same are right or wrong together: what is resampled is questions.
    """
    seen = ratio(right)
    yield Row.stated(name, seen.value, "share", len(right), seen.low, seen.high)
    once = share(sum(good == count for good, count in right.values()), len(right))
    yield Row.stated(f"{name}, of distinct queries", once.value, "share", once.n, once.low,
                     once.high)  # fmt: skip


def _right(
    folder: Path, asked: Mapping[str, str], questions: Mapping[str, Question]
) -> dict[str, Right]:
    """What was right as retrieved, and reranked."""
    import pyarrow.parquet as pq

    judged = pq.read_table(folder / JUDGEMENTS, columns=["query_id", "item_id", "rank"])
    first = {row["query_id"]: row["item_id"] for row in judged.to_pylist() if row["rank"] == 1}
    as_asked = pq.read_table(folder / QUERIES, columns=["query_id", "asked_as"]).to_pylist()
    retrieved = {row["query_id"]: first.get(row["asked_as"], "") for row in as_asked}
    reranked = {row: items[0] for row, items in
                read_run((folder / RUN).read_text().splitlines()).items()}  # fmt: skip
    orders = {"as retrieved": retrieved, "reranked": reranked}
    return {name: _by_question(order, asked, questions) for name, order in orders.items()}


def _by_question(
    first: Mapping[str, str], asked: Mapping[str, str], questions: Mapping[str, Question]
) -> Right:
    """A row without a first item, such as one that was rejected, is wrong."""
    found: Right = {}
    for row, name in asked.items():
        right, count = found.get(name, (0, 0))
        found[name] = (right + questions[name].answers(first.get(row, "")), count + 1)
    return found
