"""What the first stage found: an item with its ECR and the counts that its price follows from."""

from collections.abc import Sequence
from dataclasses import dataclass

from tte2_ray.milvus.config import Metric
from tte2_ray.milvus.searcher import Hit

CANDIDATE_FIELDS = ("ecr", "ecr_key", "prompt_tokens", "visual_tokens", "output_tokens", "shard")
"""Stored fields of a collection that a `Candidate` is made of: the `output_fields` of a search."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One retrieved item; every count was stored when its ECR was written."""

    item_id: str
    rank: int
    """Place in the retrieved order, from 1."""
    retriever_score: float
    """Higher is nearer, whatever the metric: a distance comes with its sign turned."""
    ecr: str
    """As it was stored; "" where a first-stage run names an item that has none."""
    ecr_key: str
    """Names item content, instruction and reasoner: see `artifacts.keys.ecr_key`."""
    ecr_tokens: int
    """Of the ECR, as its reasoner wrote them."""
    prompt_tokens: int
    """Text and visual tokens of the prompt that the ECR answered: the item itself."""
    visual_tokens: int
    """Those of them that stand for pixels."""
    shard: str
    """Of the corpus: where the item's URIs are found."""


def candidates_of(hits: Sequence[Hit], metric: Metric = "COSINE") -> tuple[Candidate, ...]:
    """The candidates of one query.

    Args:
        hits: nearest first, with `CANDIDATE_FIELDS`.
        metric: of the collection; the scores of L2 are distances.

    >>> stored = {"ecr": "a star", "ecr_key": "k", "prompt_tokens": 40, "visual_tokens": 36,
    ...           "output_tokens": 9, "shard": "s"}
    >>> found = candidates_of([Hit(item_id="i1", score=0.25, fields=stored)], "L2")
    >>> (found[0].rank, found[0].retriever_score, found[0].ecr_tokens)
    (1, -0.25, 9)
    """
    sign = -1.0 if metric == "L2" else 1.0
    return tuple(
        Candidate(
            item_id=hit.item_id,
            rank=rank,
            retriever_score=sign * hit.score,
            ecr=hit.fields["ecr"],
            ecr_key=hit.fields["ecr_key"],
            ecr_tokens=int(hit.fields["output_tokens"]),
            prompt_tokens=int(hit.fields["prompt_tokens"]),
            visual_tokens=int(hit.fields["visual_tokens"]),
            shard=hit.fields["shard"],
        )
        for rank, hit in enumerate(hits, 1)
    )
