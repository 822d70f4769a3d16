"""Read an index: search, fetch by id, count. The name is a collection's or an alias's."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tte2_ray.errors import ConfigError
from tte2_ray.milvus.client import connect, typed_errors
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.expressions import one_of

if TYPE_CHECKING:
    import numpy as np
    from pymilvus import MilvusClient

K_MAX = 16_384
"""The most hits that Milvus gives for one query."""
STORED_FIELDS = (
    "ecr",
    "ecr_cut_bytes",
    "modality",
    "ecr_key",
    "embedding_key",
    "prompt_tokens",
    "visual_tokens",
    "output_tokens",
    "metadata",
    "shard",
)
_FETCH_IDS = 1000


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One found item."""

    item_id: str
    score: float
    """Under the collection's metric: for COSINE and IP higher is nearer, for L2 lower."""
    fields: Mapping[str, Any] = field(default_factory=dict)


class Searcher:
    """Reads from one Milvus.

    Args:
        config: with a `uri` (see `server.resolve`).
        client: a connection to use instead of a new one.
    """

    def __init__(self, config: MilvusConfig, *, client: "MilvusClient | None" = None) -> None:
        self._config = config
        self._client = client or connect(config)

    def search(
        self,
        collection: str,
        vectors_QD: "np.ndarray[Any, np.dtype[np.float32]]",
        k: int,
        *,
        output_fields: Sequence[str] = (),
        strong: bool = False,
    ) -> list[list[Hit]]:
        """The nearest items of each query, best first.

        Args:
            collection: a collection or an alias.
            vectors_QD: Q queries of dimension D.
            k: hits for each query, 1 to `K_MAX`; fewer where the index is smaller.
            output_fields: of `STORED_FIELDS` or "vector", returned with each hit.
            strong: see what was written until now (verification), not until a moment ago.

        Raises:
            ConfigError: `k` is out of range.
            ResourceMissingError: no such collection.
        """
        _require_k(k)
        if len(vectors_QD) == 0:
            return []
        options: dict[str, Any] = {"consistency_level": "Strong"} if strong else {}
        with typed_errors(f"search {collection}"):
            answers = self._client.search(
                collection,
                data=list(vectors_QD),
                anns_field="vector",
                limit=k,
                output_fields=["item_id", *output_fields],  # 2.3 does not name the key otherwise
                search_params={"params": self._config.params_for(k)},
                timeout=self._config.timeout_s,
                **options,
            )
        return [[_hit(answer, output_fields) for answer in answers_K] for answers_K in answers]

    def among(
        self,
        collection: str,
        vectors_QD: "np.ndarray[Any, np.dtype[np.float32]]",
        k: int,
        pool: Sequence[str],
        *,
        output_fields: Sequence[str] = (),
    ) -> list[list[Hit]]:
        """The nearest items of a pool, best first; ties keep the order of the pool.

        Each is compared by its own vector. A search with a filter would miss most of a pool: the
        HNSW of Milvus Lite finds 1 of 9 items that are spread over 20,000, with ef 128.

        Args:
            collection: a collection or an alias.
            vectors_QD: Q queries of dimension D.
            k: hits for each query, 1 to `K_MAX`; fewer where the collection holds fewer of them.
            pool: ids; their vectors are fetched, 4 D bytes each.
            output_fields: of `STORED_FIELDS` or "vector", returned with each hit.

        Raises:
            ConfigError: `k` is out of range.
            ResourceMissingError: no such collection.
        """
        import numpy as np

        _require_k(k)
        found = self.fetch(collection, pool, output_fields=["vector", *output_fields])
        if not found:
            return [[] for _ in vectors_QD]
        ids = [item_id for item_id in dict.fromkeys(pool) if item_id in found]
        items_ID = np.array([found[item_id]["vector"] for item_id in ids], dtype=np.float32)
        scores_QI = _scores(self._config.metric, np.asarray(vectors_QD), items_ID)
        nearest_QI = np.argsort(scores_QI if self._config.metric == "L2" else -scores_QI, axis=1,
                                kind="stable")  # fmt: skip
        return [
            [
                Hit(
                    item_id=ids[i],
                    score=float(scores_I[i]),
                    fields={name: found[ids[i]][name] for name in output_fields},
                )
                for i in nearest_I[:k]
            ]
            for scores_I, nearest_I in zip(scores_QI, nearest_QI, strict=True)
        ]

    def fetch(
        self,
        collection: str,
        item_ids: Iterable[str],
        *,
        output_fields: Sequence[str] = STORED_FIELDS,
    ) -> dict[str, dict[str, Any]]:
        """Fields of items by id; ids that the collection lacks are absent from the result."""
        found: dict[str, dict[str, Any]] = {}
        for chunk in _chunks(dict.fromkeys(item_ids), _FETCH_IDS):
            with typed_errors(f"fetch items of {collection}"):
                rows = self._client.query(
                    collection,
                    filter=one_of(chunk),
                    output_fields=["item_id", *output_fields],
                    consistency_level="Strong",
                    timeout=self._config.timeout_s,
                )
            for row in rows:
                found[row["item_id"]] = {name: row[name] for name in output_fields}
        return found

    def count(self, collection: str) -> int:
        """Rows that a reader sees now: count(*), strongly consistent (`num_entities` is not)."""
        with typed_errors(f"count {collection}"):
            rows = self._client.query(
                collection,
                filter="",
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=self._config.timeout_s,
            )
        return int(rows[0]["count(*)"])

    def page(self, collection: str, *, offset: int, limit: int) -> list[str]:
        """Some item ids; `offset + limit` is at most `K_MAX`."""
        with typed_errors(f"read {collection}"):
            rows = self._client.query(
                collection,
                filter="",
                output_fields=["item_id"],
                offset=offset,
                limit=limit,
                consistency_level="Strong",
                timeout=self._config.timeout_s,
            )
        return [str(row["item_id"]) for row in rows]


def _require_k(k: int) -> None:
    if not 1 <= k <= K_MAX:
        raise ConfigError(f"k is {k}; Milvus gives 1 to {K_MAX} hits for a query.")


def _scores(
    metric: str,
    queries_QD: "np.ndarray[Any, np.dtype[np.float32]]",
    items_ID: "np.ndarray[Any, np.dtype[np.float32]]",
) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """What Milvus gives: cosine, dot product, or squared distance."""
    import numpy as np

    dots_QI = queries_QD @ items_ID.T
    squares_Q, squares_I = (np.square(each).sum(axis=1) for each in (queries_QD, items_ID))
    if metric == "IP":
        return dots_QI
    if metric == "L2":
        distances_QI: np.ndarray[Any, np.dtype[np.float32]]
        distances_QI = squares_Q[:, None] + squares_I - 2 * dots_QI
        return distances_QI
    norms_QI = np.sqrt(squares_Q[:, None] * squares_I)
    cosines_QI: np.ndarray[Any, np.dtype[np.float32]] = dots_QI / norms_QI
    return cosines_QI


def _hit(answer: Mapping[str, Any], output_fields: Sequence[str]) -> Hit:
    entity = answer["entity"]
    fields = {name: entity[name] for name in output_fields}
    return Hit(item_id=answer["item_id"], score=float(answer["distance"]), fields=fields)


def _chunks(item_ids: Iterable[str], size: int) -> Iterator[list[str]]:
    chunk: list[str] = []
    for item_id in item_ids:
        chunk.append(item_id)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
