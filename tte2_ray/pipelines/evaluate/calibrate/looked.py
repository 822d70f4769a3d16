"""What judge and rewriter say of every candidate of a query, and what asking them costs.

It comes from two runs over the same queries without a budget: one judged all candidates, one
rewrote them all as well. The second reads the judgements of the first from the store.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tte2_ray.cascade.candidate import Candidate
from tte2_ray.cascade.plan import LEAST_JUDGED
from tte2_ray.cascade.reranked import JudgedBy, Judgement
from tte2_ray.errors import ValidationError

Row = Mapping[str, Any]
"""Of a judgement table."""


@dataclass(frozen=True, kw_only=True)
class LookedAt:
    """One candidate in each state in which a policy may leave it."""

    retrieved: Judgement
    """Not judged."""
    judged: Judgement
    """By its plain ECR."""
    rewritten: Judgement
    """As well, and then by its rewrite, where one could be made."""
    judge_tokens: int
    rewrite_tokens: int
    """Of the rewrite, and of judging it."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """One query."""

    query_id: str
    candidates: tuple[LookedAt, ...]
    """In retrieval order."""

    @property
    def retrieved(self) -> tuple[Candidate, ...]:
        """What its policy decides by."""
        return tuple(each.retrieved.candidate for each in self.candidates)


def read_looked(
    judged: Iterable[Row], rewritten: Iterable[Row], *, fusion_weight: float = 0.0
) -> dict[str, Looked]:
    """The queries of two runs, by id.

    Args:
        judged: rows of the run that judged all and rewrote nothing.
        rewritten: rows of the run that rewrote all.
        fusion_weight: as the cascade has it.

    Raises:
        ValidationError: the runs are not over the same candidates, or one did not look at all.
    """
    plain = {(row["query_id"], row["item_id"]): row for row in judged}
    by_query: dict[str, list[LookedAt]] = {}
    found = 0
    for row in rewritten:
        found += 1
        before = plain.get((row["query_id"], row["item_id"]))
        if before is None or before["rank"] != row["rank"]:
            raise ValidationError(
                f"candidate {row['item_id']} of query {row['query_id']} is not in both runs at one "
                "rank; make both over one version of the index"
            )
        by_query.setdefault(row["query_id"], []).append(_looked_at(before, row, fusion_weight))
    if found != len(plain):
        raise ValidationError(f"the runs hold {len(plain)} and {found} candidates: not the same")
    return {query: _looked(query, rows) for query, rows in by_query.items()}


def _looked(query_id: str, rows: list[LookedAt]) -> Looked:
    ranked = tuple(sorted(rows, key=lambda row: row.retrieved.candidate.rank))
    for each in ranked:
        # One alone is judged by no policy.
        if len(ranked) >= LEAST_JUDGED and each.judged.score is None and not each.judged.refused:
            raise ValidationError(f"candidate {each.judged.candidate.item_id} of query {query_id} "
                                  "was not judged: a policy is made of runs that judged "
                                  "all")  # fmt: skip
    return Looked(query_id=query_id, candidates=ranked)


def _looked_at(before: Row, after: Row, weight: float) -> LookedAt:
    candidate = Candidate(item_id=after["item_id"], rank=after["rank"],
                          retriever_score=after["retriever_score"], ecr="",
                          ecr_key=after["ecr_key"], ecr_tokens=0, prompt_tokens=0, visual_tokens=0,
                          shard="")  # fmt: skip
    judged = _judgement(candidate, before, weight, "judged")
    again = _judgement(candidate, after, weight, "rewritten")
    return LookedAt(
        retrieved=Judgement(candidate=candidate),
        judged=judged,
        rewritten=again if again.score is not None else judged,
        judge_tokens=int(before["tokens"]),
        rewrite_tokens=int(after["tokens"]) - int(before["tokens"]),
    )


def _judgement(candidate: Candidate, row: Row, weight: float, stage: JudgedBy) -> Judgement:
    score = None if math.isnan(row["score"]) else float(row["score"])
    if score is None:
        return Judgement(candidate=candidate, refused=row["refused"])
    fused = candidate.retriever_score + weight * score
    return Judgement(candidate=candidate, stage=stage, plain_score=score, score=score,
                     final_score=fused if weight else score)  # fmt: skip
