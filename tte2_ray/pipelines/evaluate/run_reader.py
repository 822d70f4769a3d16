"""What a rerank job left of a run, by the query that asked: equal queries share one answer.

runs/<run>/run.trec · queries.parquet · judgements.parquet · ledger.parquet · results.json
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import iter_table
from tte2_ray.metrics import read_run
from tte2_ray.pipelines.rerank.files import JUDGEMENTS, LEDGER, QUERIES, RUN
from tte2_ray.schema import judgement_schema, ledger_schema, query_schema

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]
_RESULTS = "results.json"
_REJECTED = "rejected"


class RunReader:
    """Reads a run.

    Args:
        store: where it lies.
        folder: of the run, `runs/<run>`.

    Every method raises `ResourceMissingError` where a file is not there, `ValidationError` where it
    is of another form.
    """

    def __init__(self, store: Store, folder: str) -> None:
        self.store, self.folder = store, folder

    @cached_property
    def results(self) -> Mapping[str, Any]:
        """results.json of the job."""
        found: dict[str, Any] = json.loads(self.store.get(f"{self.folder}/{_RESULTS}"))
        return found

    @cached_property
    def queries(self) -> Mapping[str, Row]:
        """What became of every query, by its id."""
        return {row["query_id"]: row for row in self._rows(QUERIES, query_schema())}

    @property
    def rejected(self) -> int:
        """Queries that found nothing because they could not be asked."""
        return sum(row["outcome"] == _REJECTED for row in self.queries.values())

    @property
    def steps(self) -> dict[str, int]:
        """Queries by the step of the ladder on which they ended."""
        counts: dict[str, int] = {}
        for row in self.queries.values():
            if row["step"]:
                counts[row["step"]] = counts.get(row["step"], 0) + 1
        return counts

    def seconds(self, stage: str) -> list[float]:
        """What distinct queries waited for a stage, where engines did all of it.

        Args:
            stage: judge or rewrite.
        """
        asked = (row for query, row in self.queries.items() if row["asked_as"] in ("", query))
        found = (float(row[f"{stage}_s"]) for row in asked)
        return [seconds for seconds in found if not math.isnan(seconds)]

    def orders(self) -> dict[str, Sequence[str]]:
        """The final order of every query, by the ids that the log and the index have."""
        uri = self.store.uri(f"{self.folder}/{RUN}")
        run = read_run(self.store.get(f"{self.folder}/{RUN}").decode().splitlines(), uri)
        found = {unquote(query): [unquote(item) for item in items] for query, items in run.items()}
        return {
            query: found.get(query, found.get(row["asked_as"], ()))
            for query, row in self.queries.items()
            if row["outcome"] != _REJECTED
        }

    def ledger(self) -> Iterator[Row]:
        """Where the tokens of every query went; one that asked the same again costs the same."""
        by_query: dict[str, list[Row]] = {}
        for row in self._rows(LEDGER, ledger_schema()):
            by_query.setdefault(row["query_id"], []).append(row)
        for query, row in self.queries.items():
            own = by_query.get(query) or by_query.get(row["asked_as"], [])
            yield from ({**each, "query_id": query} for each in own)

    def judgements(self, wanted: Sequence[str] | None = None) -> dict[str, list[Row]]:
        """The candidates of queries in their final order, by the id of the query.

        Each row names the query that is asked for, whoever asked the same first.

        Args:
            wanted: ids of queries; all by default.
        """
        ids = list(self.queries) if wanted is None else [i for i in wanted if i in self.queries]
        answers = {self.queries[query]["asked_as"] for query in ids} | set(ids)
        by_answer: dict[str, list[Row]] = {}
        for row in self._rows(JUDGEMENTS, judgement_schema()):
            if row["query_id"] in answers:
                by_answer.setdefault(row["query_id"], []).append(row)
        found: dict[str, list[Row]] = {}
        for query in ids:
            rows = by_answer.get(query) or by_answer.get(self.queries[query]["asked_as"], [])
            own = ({**row, "query_id": query} for row in rows)
            found[query] = sorted(own, key=lambda row: int(row["place"]))
        return found

    def _rows(self, name: str, schema: "pa.Schema") -> Iterator[Row]:
        for batch in iter_table(self.store, f"{self.folder}/{name}", schema):
            yield from batch.to_pylist()
