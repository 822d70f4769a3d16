"""Read an index: search, fetch by id, count. The name is a collection's or an alias's."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tte2_ray.errors import ConfigError
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.config import Metric, MilvusConfig
from tte2_ray.milvus.expressions import one_of
from tte2_ray.milvus.patience import reading

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

    @property
    def metric(self) -> Metric:
        """Of its collections."""
        return self._config.metric

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
        answers = reading(
            f"search {collection}",
            lambda: self._client.search(
                collection,
                data=list(vectors_QD),
                anns_field="vector",
                limit=k,
                output_fields=["item_id", *output_fields],  # 2.3 does not name the key otherwise
                search_params={"params": self._config.params_for(k)},
                timeout=self._config.timeout_s,
                **options,
            ),
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
        HNSW of Milvus Lite finds 1 of 9 items that are spread over 20,000, with ef 128. A score
        follows from its two vectors alone, to the last bit: neither the other queries nor the other
        items of the pool are in it.

        Args:
            collection: a collection or an alias.
            vectors_QD: Q queries of dimension D.
            k: hits for each query, 1 to `K_MAX`; fewer where the collection holds fewer of them.
            pool: ids; their vectors are fetched, 8 D bytes each.
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
        items_ID = np.array([found[item_id]["vector"] for item_id in ids], dtype=np.float64)
        hits_QK = []
        for query_D in np.asarray(vectors_QD, dtype=np.float64):
            scores_I = _scores(self._config.metric, query_D, items_ID)
            keys_I = scores_I if self._config.metric == "L2" else -scores_I
            nearest_K = np.argsort(keys_I, kind="stable")[:k]
            hits_QK.append([
                Hit(
                    item_id=ids[i],
                    score=float(scores_I[i]),
                    fields={name: found[ids[i]][name] for name in output_fields},
                )
                for i in nearest_K
            ])  # fmt: skip
        return hits_QK

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
            rows = self._query(
                f"fetch items of {collection}",
                collection,
                filter=one_of(chunk),
                output_fields=["item_id", *output_fields],
            )
            for row in rows:
                found[row["item_id"]] = {name: row[name] for name in output_fields}
        return found

    def count(self, collection: str) -> int:
        """Rows that a reader sees now: count(*), strongly consistent (`num_entities` is not)."""
        rows = self._query(f"count {collection}", collection, filter="", output_fields=["count(*)"])
        return int(rows[0]["count(*)"])

    def page(self, collection: str, *, offset: int, limit: int) -> list[str]:
        """Some item ids; `offset + limit` is at most `K_MAX`."""
        rows = self._query(
            f"read {collection}", collection, filter="", output_fields=["item_id"], offset=offset,
            limit=limit,
        )  # fmt: skip
        return [str(row["item_id"]) for row in rows]

    def _query(self, doing: str, collection: str, **asked: Any) -> list[dict[str, Any]]:
        """Rows by what they are, strongly consistent."""
        rows: list[dict[str, Any]] = reading(
            doing,
            lambda: self._client.query(
                collection, consistency_level="Strong", timeout=self._config.timeout_s, **asked
            ),
        )
        return rows


def _require_k(k: int) -> None:
    if not 1 <= k <= K_MAX:
        raise ConfigError(f"k is {k}; Milvus gives 1 to {K_MAX} hits for a query.")


def _scores(
    metric: Metric,
    query_D: "np.ndarray[Any, np.dtype[np.float64]]",
    items_ID: "np.ndarray[Any, np.dtype[np.float64]]",
) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """What Milvus gives: cosine, dot product, or squared distance.

    A product of matrices adds in an order that follows from how many rows there are; `vecdot` adds
    the values of each pair of rows by themselves.
    """
    import numpy as np

    dots_I = np.vecdot(items_ID, query_D)
    square, squares_I = np.vecdot(query_D, query_D), np.vecdot(items_ID, items_ID)
    if metric == "IP":
        scores_I = dots_I
    elif metric == "L2":
        scores_I = square + squares_I - 2 * dots_I
    else:
        scores_I = dots_I / np.sqrt(square * squares_I)
    rounded_I: np.ndarray[Any, np.dtype[np.float32]] = scores_I.astype(np.float32)
    return rounded_I


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
