"""The first stage of the cascade: the nearest items of each query, within its pool.

Letters: Q queries, D values of a vector.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tte2_ray.errors import ConfigError
from tte2_ray.milvus.config import Metric
from tte2_ray.milvus.searcher import Hit, Searcher

if TYPE_CHECKING:
    import numpy as np

SCORE_DIGITS = 5
"""Of a score of Milvus that count: the bits behind them follow the other queries of its request
(1.2e-7 of cosines on Milvus Lite, HNSW and FLAT alike)."""


def retrieve(
    searcher: Searcher,
    collection: str,
    vectors_QD: "np.ndarray[Any, np.dtype[np.float32]]",
    pools: Sequence[tuple[str, ...]],
    k: int,
    *,
    output_fields: Sequence[str] = (),
) -> list[list[Hit]]:
    """The `k` nearest items of each query, best first; fewer where its pool is smaller.

    Other queries do not change what one finds. In a pool ties keep its order. Over the whole index,
    where Milvus gives them in any order, they stand by id; which of those that tie with the last
    hit are among the `k` is left to Milvus.

    Args:
        searcher: of the index.
        collection: a collection or the alias of an index.
        vectors_QD: of the queries.
        pools: for each query the ids that may be found; empty for the whole index.
        k: hits of each query.
        output_fields: stored fields that come with each hit.

    Raises:
        ConfigError: `k` is out of range, or there is not one pool for each query.
        ResourceMissingError: no such collection.
    """
    if len(vectors_QD) != len(pools):
        raise ConfigError(f"{len(vectors_QD)} queries, {len(pools)} pools: give one for each")
    hits_QK: list[list[Hit]] = [[] for _ in pools]
    # Queries of one pool share a request, so that those over the whole index are one.
    asking: dict[tuple[str, ...], list[int]] = {}
    for q, pool in enumerate(pools):
        asking.setdefault(pool, []).append(q)
    for pool, rows in asking.items():
        asked_QD = vectors_QD[rows]
        if pool:
            found = searcher.among(collection, asked_QD, k, pool, output_fields=output_fields)
        else:
            found = [
                _settled(hits, searcher.metric)
                for hits in searcher.search(collection, asked_QD, k, output_fields=output_fields)
            ]
        for q, hits in zip(rows, found, strict=True):
            hits_QK[q] = hits
    return hits_QK


def _settled(hits: Sequence[Hit], metric: Metric) -> list[Hit]:
    """Hits of a search with the digits that count, in an order that follows from them."""
    sign = 1.0 if metric == "L2" else -1.0
    rounded = [replace(hit, score=round(hit.score, SCORE_DIGITS)) for hit in hits]
    return sorted(rounded, key=lambda hit: (sign * hit.score, hit.item_id))
