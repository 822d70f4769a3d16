"""What a run leaves: the answers of the shards, put together and fanned out to who asked.

    shard by shard: who asked + answers ─▶ run.trec · queries · judgements · ledger   in report_dir
                                       └▶ rejected ─▶ dead letters                    in the store

Judgements and ledger hold each distinct query once, under the id that asked first; run.trec and
queries.parquet hold every query of the log. Memory holds one shard.
"""

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from tte2_ray.artifacts.dead_letters import DeadLetter, read_dead_letters, write_dead_letters
from tte2_ray.artifacts.store import Store
from tte2_ray.errors import ValidationError
from tte2_ray.metrics.trec import run_lines
from tte2_ray.pipelines.index.report import spread
from tte2_ray.pipelines.rerank.answers import Answer, Row, answers
from tte2_ray.pipelines.rerank.files import JUDGEMENTS, LEDGER, QUERIES, RunFiles
from tte2_ray.pipelines.rerank.target import Job

_LETTERS_PER_FILE = 256
_SAMPLED = 20_000
"""Distinct queries whose spending is looked at for a histogram."""
_OF_OUTCOME = ("step", "candidates", "missing", "allowed", "spent", "judge_s", "rewrite_s", "ecr",
               "cut", "notes", "error_class", "error_message")  # fmt: skip
_OF_ASKED = ("query_id", "time", "count", "row")


@dataclass(frozen=True, kw_only=True)
class Example:
    """A distinct query that the report may show."""

    query_id: str
    """The first that asked it."""
    answer: Answer

    @property
    def changed(self) -> bool:
        """Whether another candidate came to stand first."""
        return bool(self.answer.judgements) and self.answer.judgements[0]["rank"] != 1


@dataclass(kw_only=True)
class Gathered:
    """Sums over a run."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """Queries of the log that were answered, degraded, rejected."""
    distinct: int = 0
    """Distinct queries that have an order."""
    steps: Counter[str] = field(default_factory=Counter)
    """Queries of the log by the step of the ladder on which they ended."""
    classes: Counter[str] = field(default_factory=Counter)
    """Rejected rows of the log by error class."""
    unjudged: int = 0
    """Queries of the log of which every judgement was refused."""
    refused: Counter[str] = field(default_factory=Counter)
    """Their judgements, by error class."""
    notes: Counter[str] = field(default_factory=Counter)
    """What happened to distinct queries, and how often."""
    spent: dict[str, Counter[str]] = field(default_factory=dict)
    """By stage and kind, over distinct queries."""
    missing: int = 0
    """Candidates that the log names and the index has not."""
    examples: dict[str, list[Example]] = field(default_factory=dict)
    """By shard, of some shards: those whose order changed first."""
    sample: list[int] = field(default_factory=list)
    """What reranking spent on distinct queries; some of them where there are many."""

    @property
    def reranking(self) -> int:
        """Tokens that count against the budget."""
        kinds = ("prompt_text", "prompt_visual", "output")
        return sum(self.spent[s][k] for s in ("rewrite", "judge") if s in self.spent for k in kinds)

    def as_dict(self) -> dict[str, int]:
        """The accounts, for results.json: in = answered + degraded + rejected."""
        rows = {name: self.outcomes[name] for name in ("answered", "degraded", "rejected")}
        return {"in": sum(rows.values()), **rows}


def gather(job: Job, folder: Path) -> Gathered:
    """Writes the files of a run, and the dead letters of what it rejected.

    Args:
        job: all of whose phases are done.
        folder: for the files; it is there.

    Raises:
        ValidationError: a query of the log is not accounted for.
    """
    found = Gathered()
    letters = _Letters(job.store, job.dead_letter_prefix)
    for unread in read_dead_letters(job.store, job.log.plan.dead_letters):
        found.outcomes["rejected"] += 1
        found.classes[unread.error_class] += 1
    draw = random.Random(job.fingerprint)
    samples = job.config.report_samples
    shown = {shard.name: list[Example]() for shard in spread(job.log.plan.shards, samples)}
    each = -(-samples // max(1, len(shown)))
    found.examples = shown
    with RunFiles(folder) as files:
        for answer in answers(job):
            first = next(answer.asked)
            asked_as = first["query_id"]
            for asked in chain((first,), answer.asked):
                _add_query(found, files, answer, asked, asked_as)
                if answer.rejected:
                    letters.add(answer, asked["query_id"])
            if not answer.rejected:
                _add_tables(files, answer, asked_as)
                _sum_up(found, answer, draw)
                if answer.shard.name in shown:
                    held = [*shown[answer.shard.name], Example(query_id=asked_as, answer=answer)]
                    held.sort(key=lambda example: not example.changed)
                    shown[answer.shard.name] = held[:each]
    letters.close()
    _require_all(job, found)
    return found


def _add_query(found: Gathered, files: RunFiles, answer: Answer, asked: Row, asked_as: str) -> None:
    outcome, query_id = answer.outcome, asked["query_id"]
    became = "rejected" if answer.rejected else "degraded" if outcome["degraded"] else "answered"
    found.outcomes[became] += 1
    if answer.rejected:
        found.classes[outcome["error_class"]] += 1
    else:
        found.steps[outcome["step"]] += 1
        if answer.unjudged:
            found.unjudged += 1
            found.refused.update(row["refused"] for row in answer.judgements if row["refused"])
        files.order(_lines(query_id, answer.judgements))
    row = {name: asked[name] for name in _OF_ASKED} | {n: outcome[n] for n in _OF_OUTCOME}
    files.add(QUERIES, [row | {"asked_as": asked_as, "outcome": became}])


def _lines(query_id: str, judgements: Sequence[Row]) -> list[str]:
    """Lines of a run. Its scores say the order alone: what was judged and what was not have scores
    of two models, and readers sort by score."""
    ranked = [(in_a_run(row["item_id"]), float(len(judgements) - place))
              for place, row in enumerate(judgements)]  # fmt: skip
    return list(run_lines(in_a_run(query_id), ranked, "tte2_ray"))


def in_a_run(name: str) -> str:
    """An id as a TREC run can hold it: one with blanks is percent-encoded, and so is one that an
    encoded one would be mistaken for.

    >>> in_a_run("q1"), in_a_run("50%"), in_a_run("my pictures/1.png"), in_a_run("a%20b")
    ('q1', '50%', 'my%20pictures/1.png', 'a%2520b')
    """
    plain = len(name.split()) == 1 and name.strip() == name == unquote(name)
    return name if plain else quote(name, safe="/:#")


def _add_tables(files: RunFiles, answer: Answer, asked_as: str) -> None:
    files.add(JUDGEMENTS, (row | {"query_id": asked_as} for row in answer.judgements))
    files.add(LEDGER, (row | {"query_id": asked_as} for row in answer.ledger))


def _sum_up(found: Gathered, answer: Answer, draw: random.Random) -> None:
    outcome = answer.outcome
    found.distinct += 1
    found.missing += outcome["missing"]
    for note, count in json.loads(outcome["notes"]).items():
        if isinstance(count, int):
            found.notes[note] += count
    for row in answer.ledger:
        kinds = {n: v for n, v in row.items() if n not in ("query_id", "stage")}
        found.spent.setdefault(row["stage"], Counter()).update(kinds)
    if len(found.sample) < _SAMPLED:
        found.sample.append(outcome["spent"])
    elif (place := draw.randrange(found.distinct)) < _SAMPLED:
        found.sample[place] = outcome["spent"]


def _require_all(job: Job, found: Gathered) -> None:
    rows = found.as_dict()
    if rows["in"] != job.log.rows_in:
        raise ValidationError(
            f"{job.log.rows_in} queries in, but {rows['answered']} answered, {rows['degraded']} "
            f"degraded and {rows['rejected']} rejected"
        )


class _Letters:
    """Dead letters of queries, written some at a time."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store, self._prefix, self._held = store, prefix, list[DeadLetter]()
        for key, _ in list(store.list(prefix)):  # of an earlier run of this name
            store.delete(key)

    def add(self, answer: Answer, query_id: str) -> None:
        outcome = answer.outcome
        row = replace(answer.query, item_id=query_id).to_row()
        letter = DeadLetter(
            item_id=query_id,
            shard=answer.shard.name,
            stage=outcome["error_stage"],
            error_class=outcome["error_class"],
            message=outcome["error_message"],
            row=json.dumps(row, ensure_ascii=False),
        )
        self._held.append(letter)
        if len(self._held) == _LETTERS_PER_FILE:
            self.close()

    def close(self) -> None:
        if self._held:
            write_dead_letters(self._store, self._prefix, self._held)
            self._held = []


def as_spent(spent: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Sums by stage as plain values, for results.json."""
    return {stage: {kind: int(n) for kind, n in kinds.items()} for stage, kinds in spent.items()}
