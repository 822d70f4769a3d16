"""What a rerank job leaves of a run, written by hand in the form of its tables."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.artifacts.tables import write_table
from tte2_ray.cascade.ledger import STAGES
from tte2_ray.metrics import run_lines
from tte2_ray.pipelines.evaluate.run_reader import RunReader
from tte2_ray.pipelines.rerank.files import JUDGEMENTS, LEDGER, QUERIES, RUN
from tte2_ray.pipelines.rerank.outputs import in_a_run
from tte2_ray.schema import judgement_schema, ledger_schema, query_schema

NAN = float("nan")
_BLANK: Mapping[str, Any] = {"string": "", "int32": 0, "int64": 0, "double": NAN, "bool": False}


def leave(
    root: Path,
    run: str,
    answers: Mapping[str, Sequence[str]],
    *,
    again: Mapping[str, str] | None = None,
    rejected: Sequence[str] = (),
    scores: Mapping[str, Mapping[str, float]] | None = None,
    rewrites: Mapping[str, str] | None = None,
) -> RunReader:
    """Leaves a run in a store.

    Args:
        root: of the store.
        run: its name.
        answers: the order of each query's candidates; retrieved they were in order of their ids.
        again: queries that asked the same, by their id; they have no judgements of their own.
        rejected: queries that could not be asked.
        scores: of the judge, by query and item.
        rewrites: by item.
    """
    store, folder = open_store(str(root)), f"runs/{run}"
    asked_as = {query: query for query in (*answers, *rejected)} | dict(again or {})
    queries = [
        {
            "query_id": query,
            "asked_as": first,
            "count": 1,
            "outcome": "rejected" if query in rejected else "answered",
            "step": "" if query in rejected else "full",
            "allowed": -1,
            "spent": 30,
        }
        for query, first in asked_as.items()
    ]
    write(store, f"{folder}/{QUERIES}", queries, query_schema())
    judgements, ledger, lines = [], [], []
    for query, order in answers.items():
        retrieved = sorted(order)
        for place, item in enumerate(order, 1):
            told = {"score": (scores or {}).get(query, {}).get(item, NAN),
                    "rewrite": (rewrites or {}).get(item, "")}  # fmt: skip
            judgements.append({"query_id": query, "item_id": item, "place": place,
                               "rank": retrieved.index(item) + 1, "retriever_score": 0.5,
                               **told})  # fmt: skip
        for stage in STAGES:
            spent = 30 if stage == "judge" else 0
            ledger.append({"query_id": query, "stage": stage, "prompt_text": spent})
    for query, first in asked_as.items():
        if query not in rejected:
            ranked = [(in_a_run(item), 1.0) for item in answers[first]]
            lines += run_lines(in_a_run(query), ranked, run)
    write(store, f"{folder}/{JUDGEMENTS}", judgements, judgement_schema())
    write(store, f"{folder}/{LEDGER}", ledger, ledger_schema())
    store.put(f"{folder}/{RUN}", "\n".join(lines).encode())
    store.put(f"{folder}/results.json", json.dumps({"run": run}).encode())
    return RunReader(store, folder)


def write(store: Store, key: str, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> None:
    """Writes a table; what a row does not say is blank."""
    blank = {field.name: _BLANK[str(field.type)] for field in schema}
    write_table(store, key, pa.Table.from_pylist([{**blank, **row} for row in rows], schema))
