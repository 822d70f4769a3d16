"""The first stage of the cascade: the nearest items of each query, within its pool.

Letters: Q queries, D values of a vector.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tte2_ray.errors import ConfigError
from tte2_ray.milvus.searcher import Hit, Searcher

if TYPE_CHECKING:
    import numpy as np


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
            found = searcher.search(collection, asked_QD, k, output_fields=output_fields)
        for q, hits in zip(rows, found, strict=True):
            hits_QK[q] = hits
    return hits_QK
