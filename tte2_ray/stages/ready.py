"""From a shard of queries to what can be reranked: each with its ECR and its candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tte2_ray.artifacts.keys import EcrRecipe, EmbeddingRecipe
from tte2_ray.artifacts.markers import table_key
from tte2_ray.artifacts.query_log import Frozen
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import read_table
from tte2_ray.cascade import (
    CANDIDATE_FIELDS,
    Asked,
    Candidate,
    Spent,
    candidates_of,
    retrieve,
)
from tte2_ray.cascade.asked import most_words_tokens
from tte2_ray.errors import RowErrorClass
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.searcher import Hit, Searcher
from tte2_ray.prompts import reads_ecr
from tte2_ray.schema import Item, ecr_schema, vector_schema
from tte2_ray.stages.queries import key_of_query
from tte2_ray.stages.work import Row

_MISSING_SHOWN = 5
_LOOKED_UP = 4
"""Of a first-stage run so many times as are retrieved, where the index lacks some: a run over
another corpus must not be looked up whole."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A query that cannot be reranked."""

    error_class: str
    message: str
    stage: str


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A query with what was found for it."""

    item: Item
    content_key: str
    """Of its words and the bytes of its media, when its ECR and its vector were made."""
    asked: Asked
    candidates: tuple[Candidate, ...]
    missing: tuple[str, ...] = ()
    """Ids that the query, or its first-stage run, names and the index has not."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where queries get what they need."""

    ecr_prefix: str
    """Folder of the ECR tables of the queries."""
    vector_prefix: str
    """Folder of their vector tables; "" where a first-stage run takes the place of retrieval."""
    recipe: EcrRecipe
    """Of the ECRs of the index."""
    vectors: EmbeddingRecipe
    """Of the vectors of the index."""
    milvus: MilvusConfig
    """With the uri of a server that answers, and the metric of the collection."""
    collection: str
    """A collection, not an alias: a job stays on the version that it started with."""
    retrieve: int
    """Candidates of each query."""
    max_text_chars: int
    """Words of a query that models read."""


class QueryReader:
    """Reads a shard of queries and retrieves their candidates.

    Args:
        store: where tables lie.
        searcher: of the index.
        sources: what to read.
    """

    def __init__(self, store: Store, searcher: Searcher, sources: Sources) -> None:
        self._store, self._searcher, self._sources = store, searcher, sources

    def read(self, shard: Shard, items: Sequence[Item]) -> list[Ready | Refused]:
        """Every query of a shard, in order.

        Args:
            shard: of queries.
            items: that it holds.

        Raises:
            RuntimeFailure: Milvus went away.
        """
        key = table_key(self._sources.ecr_prefix, shard)
        ecrs = read_table(self._store, key, ecr_schema()).to_pylist()
        vectors = self._vectors(shard)
        found: dict[str, Ready | Refused] = {}
        asked: list[tuple[Item, Row]] = []
        for item, ecr in zip(items, ecrs, strict=True):
            row = ecr if ecr["error_class"] else vectors.get(item.item_id, ecr)
            if row["error_class"]:
                found[item.item_id] = Refused(error_class=row["error_class"],
                                              message=row["error_message"],
                                              stage=row["error_stage"])  # fmt: skip
            else:
                asked.append((item, ecr))
        hits = self._hits([item for item, _ in asked], vectors)
        for (item, ecr), (of_query, missing) in zip(asked, hits, strict=True):
            found[item.item_id] = self._ready(item, ecr, vectors, of_query, missing)
        return [found[item.item_id] for item in items]

    def _vectors(self, shard: Shard) -> dict[str, Row]:
        if not self._sources.vector_prefix:
            return {}
        key = table_key(self._sources.vector_prefix, shard)
        schema = vector_schema(self._sources.vectors.dimension)
        rows = read_table(self._store, key, schema).to_pylist()
        return {row["item_id"]: row for row in rows}

    def _hits(
        self, items: Sequence[Item], vectors: Mapping[str, Row]
    ) -> list[tuple[list[Hit], tuple[str, ...]]]:
        if not items:
            return []
        frozen = [Frozen.of(item) for item in items]
        if not self._sources.vector_prefix:
            return self._of_the_run(frozen)
        import numpy as np

        made = [vectors[item.item_id]["vector"] for item in items]
        hits = retrieve(self._searcher, self._sources.collection,
                        np.asarray(made, dtype=np.float32), [each.pool for each in frozen],
                        self._sources.retrieve, output_fields=CANDIDATE_FIELDS)  # fmt: skip
        unknown = self._unknown(frozen, hits)
        return [
            (found, tuple(i for i in each.pool if i in unknown))
            for each, found in zip(frozen, hits, strict=True)
        ]

    def _unknown(self, frozen: Sequence[Frozen], hits: Sequence[Sequence[Hit]]) -> set[str]:
        """Ids of pools that the index has not; asked for only where a pool may have such."""
        doubtful: dict[str, None] = {}
        for each, found in zip(frozen, hits, strict=True):
            if len(found) < len(each.pool):
                doubtful |= dict.fromkeys(each.pool)
        if not doubtful:
            return set()
        known = self._searcher.fetch(self._sources.collection, doubtful, output_fields=["shard"])
        return doubtful.keys() - known.keys()

    def _of_the_run(self, frozen: Sequence[Frozen]) -> list[tuple[list[Hit], tuple[str, ...]]]:
        """The first of each pool that the index has, and the ids before them that it has not."""
        most = self._sources.retrieve
        stored: dict[str, Row] = {}
        for start, end in ((0, most), (most, _LOOKED_UP * most)):
            short = [each.pool for each in frozen
                     if sum(i in stored for i in each.pool[:start]) < most]  # fmt: skip
            wanted = dict.fromkeys(item_id for pool in short for item_id in pool[start:end])
            stored |= self._searcher.fetch(
                self._sources.collection, wanted, output_fields=CANDIDATE_FIELDS
            )
        found: list[tuple[list[Hit], tuple[str, ...]]] = []
        for each in frozen:
            hits, missing = list[Hit](), list[str]()
            for item_id, score in zip(each.pool[: _LOOKED_UP * most], each.scores, strict=False):
                if len(hits) == most:
                    break
                if item_id in stored:
                    hits.append(Hit(item_id=item_id, score=score, fields=stored[item_id]))
                else:
                    missing.append(item_id)
            found.append((hits, tuple(missing)))
        return found

    def _ready(
        self,
        item: Item,
        ecr: Row,
        vectors: Mapping[str, Row],
        hits: Sequence[Hit],
        missing: tuple[str, ...],
    ) -> Ready | Refused:
        if not hits:
            shown = ", ".join(missing[:_MISSING_SHOWN]) or "the index is empty"
            message = f"none of its {len(missing)} candidates is in the index: {shown}"
            return Refused(error_class=RowErrorClass.NOT_FOUND.value, message=message,
                           stage="retrieve")  # fmt: skip
        of_run = not self._sources.vector_prefix
        metric = "COSINE" if of_run else self._sources.milvus.metric  # higher is nearer in a run
        return Ready(
            item=item,
            content_key=ecr["content_key"],
            asked=self._asked(item, ecr, vectors.get(item.item_id)),
            candidates=candidates_of(hits, metric),
            missing=missing,
        )

    def _asked(self, item: Item, ecr: Row, vector: Row | None) -> Asked:
        instruction = Frozen.of(item).instruction
        text, has_media = item.text[: self._sources.max_text_chars], item.modality != "text"
        counts = {name: ecr[name] for name in ("prompt_tokens", "visual_tokens", "output_tokens")}
        return Asked(
            query_id=item.item_id,
            instruction=instruction,
            text=text,
            ecr=ecr["ecr"],
            has_media=has_media,
            key=key_of_query(
                ecr["ecr_key"], instruction, self._sources.recipe, self._sources.vectors
            ),
            words_tokens=most_words_tokens(**counts, ecr_is_read=reads_ecr(text, has_media)),
            ecr_spent=_spent(ecr, ecr["output_tokens"]),
            embedding_spent=_spent(vector) if vector else Spent(),
        )


def _spent(row: Mapping[str, Any], output_tokens: int = 0) -> Spent:
    return Spent.on(
        prompt_tokens=row["prompt_tokens"],
        visual_tokens=row["visual_tokens"],
        output_tokens=output_tokens,
    )
