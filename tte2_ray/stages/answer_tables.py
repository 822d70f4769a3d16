"""Where the answers of a shard of queries lie: three tables that belong together.

<prefix>/shard-<name>.parquet                        what became of each query; written last, once
<prefix>/shard-<name>.<attempt>.judgements.parquet   candidates in their final orders
<prefix>/shard-<name>.<attempt>.ledger.parquet       tokens by stage

An attempt may die between them, and the next may be answered otherwise, as where a file can be read
again. So judgements and ledger carry the name of their attempt, and the outcomes say which counts.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tte2_ray.artifacts.markers import table_key
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import read_table, write_table
from tte2_ray.schema import judgement_schema, ledger_schema, outcome_schema
from tte2_ray.stages.work import Row

if TYPE_CHECKING:
    import pyarrow as pa

_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class AnswerTables:
    """The rows of one shard; outcomes without the name of their attempt when they are written."""

    outcomes: Sequence[Row]
    """At least one."""
    judgements: Sequence[Row]
    ledger: Sequence[Row]


def write_answers(store: Store, prefix: str, shard: Shard, made: AnswerTables) -> list[Row]:
    """Writes the tables of an attempt, the outcomes last.

    Args:
        store: where to.
        prefix: `reranked/<fingerprint>`.
        shard: of queries.
        made: what it was answered.

    Returns:
        The outcomes that count: those of another attempt, thought to be dead, if it was first.
    """
    whole = json.dumps([made.outcomes, made.judgements, made.ledger])
    attempt = hashlib.sha256(whole.encode()).hexdigest()[:_DIGITS]
    judgements, ledger = _keys(prefix, shard, attempt)
    _write(store, judgements, made.judgements, judgement_schema())
    _write(store, ledger, made.ledger, ledger_schema())
    outcomes = [row | {"attempt": attempt} for row in made.outcomes]
    if _write(store, table_key(prefix, shard), outcomes, outcome_schema()):
        return outcomes
    return read_outcomes(store, prefix, shard) or outcomes


def read_outcomes(store: Store, prefix: str, shard: Shard) -> list[Row] | None:
    """What became of the queries of a shard; None where that is not written.

    Args:
        store: where it lies.
        prefix: `reranked/<fingerprint>`.
        shard: of queries.
    """
    key = table_key(prefix, shard)
    return _rows(store, key, outcome_schema()) if store.exists(key) else None


def read_answers(store: Store, prefix: str, shard: Shard) -> AnswerTables:
    """The tables of a shard that is done.

    Args:
        store: where they lie.
        prefix: `reranked/<fingerprint>`.
        shard: of queries.

    Raises:
        ResourceMissingError: it is not done.
    """
    outcomes = _rows(store, table_key(prefix, shard), outcome_schema())
    judgements, ledger = _keys(prefix, shard, outcomes[0]["attempt"])
    return AnswerTables(
        outcomes=outcomes,
        judgements=_rows(store, judgements, judgement_schema()),
        ledger=_rows(store, ledger, ledger_schema()),
    )


def _keys(prefix: str, shard: Shard, attempt: str) -> tuple[str, str]:
    of_attempt = f"{table_key(prefix, shard).removesuffix('.parquet')}.{attempt}"
    return f"{of_attempt}.judgements.parquet", f"{of_attempt}.ledger.parquet"


def _write(store: Store, key: str, rows: Sequence[Row], schema: "pa.Schema") -> bool:
    import pyarrow as pa

    return write_table(store, key, pa.Table.from_pylist(list(rows), schema))


def _rows(store: Store, key: str, schema: "pa.Schema") -> list[Row]:
    rows: list[Row] = read_table(store, key, schema).to_pylist()
    return rows
