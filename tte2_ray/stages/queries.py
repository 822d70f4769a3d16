"""Queries go the way of items: shards of a log in, their ECRs and their vectors out.

A distinct query is an `Item` whose metadata says what else was asked (`Frozen`). Each may have a
task of its own, which stands in the place of the items' instruction: in what the models read, and
in what names their answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tte2_ray.artifacts.keys import EcrRecipe, EmbeddingRecipe, ecr_key, embedding_key
from tte2_ray.artifacts.query_log import Frozen
from tte2_ray.artifacts.shards import Shard
from tte2_ray.media import DecodedItem
from tte2_ray.prompts import query_text
from tte2_ray.schema import Item
from tte2_ray.stages.embed import EmbedShards, EmbedWork
from tte2_ray.stages.reason import ReasonShards
from tte2_ray.stages.work import Row

_INSTRUCTION = "query_instruction"
"""Beside the columns of an ECR row: the task of its query."""


def query_recipe(items: EcrRecipe, instruction: str) -> EcrRecipe:
    """What decides the ECR of a query, besides the query.

    Args:
        items: how the ECRs of the index were written; the query's is written by the same model.
        instruction: the task of the query; "" names the tables of all queries.
    """
    return replace(items, instruction=query_text(instruction, ""))


def query_vectors(item_vectors: EmbeddingRecipe, recipe: EcrRecipe) -> EmbeddingRecipe:
    """What decides the vector of a query, besides the query and its ECR.

    Args:
        item_vectors: how the vectors of the index were made.
        recipe: of the ECR of the query.
    """
    return replace(item_vectors, ecr_fingerprint=recipe.fingerprint, instruction="")


def key_of_query(
    ecr_key: str, instruction: str, items: EcrRecipe, item_vectors: EmbeddingRecipe
) -> str:
    """Names all that decides ECR and vector of a query: `cascade.query_key`, from its ECR's key."""
    return embedding_key(ecr_key, query_vectors(item_vectors, query_recipe(items, instruction)))


class ReasonQueries(ReasonShards):
    """`ReasonShards` for queries; the recipe of its work is that of the index."""

    def recipe_of(self, item: Item) -> EcrRecipe:
        """See `ReasonShards.recipe_of`."""
        return query_recipe(self._work.recipe, Frozen.of(item).instruction)

    def text_of(self, item: Item, text: str) -> str:
        """See `ReasonShards.text_of`."""
        return query_text(Frozen.of(item).instruction, text)


class LookAtQueries(ReasonQueries):
    """`ReasonQueries` where no ECR is read: decodes and names, and costs no token."""

    def _start(self) -> None:
        """No engine."""

    async def answer(self, row: Row, decoded: DecodedItem, given: Item) -> Row:
        """An empty ECR."""
        row["content_key"] = decoded.content_sha256
        row["ecr_key"] = ecr_key(decoded.content_sha256, self.recipe_of(given))
        return {"notes": decoded.notes}


@dataclass(frozen=True, kw_only=True)
class EmbedQueriesWork(EmbedWork):
    """What a replica needs to embed queries; its recipe is that of the index."""

    items: EcrRecipe
    """How the ECRs of the index were written."""


class EmbedQueries(EmbedShards):
    """`EmbedShards` for queries."""

    def __init__(self, work: EmbedQueriesWork) -> None:
        super().__init__(work)
        self._items = work.items

    def given(self, shard: Shard, items: Sequence[Item]) -> list[tuple[Item, Row]]:
        """See `EmbedShards.given`."""
        return [
            (item, row | {_INSTRUCTION: Frozen.of(item).instruction})
            for item, row in super().given(shard, items)
        ]

    def key_of(self, item: Item, ecr: Row) -> str:
        """See `EmbedShards.key_of`."""
        instruction = ecr[_INSTRUCTION]
        return key_of_query(ecr["ecr_key"], instruction, self._items, self._work.recipe)

    def text_of(self, ecr: Row, text: str) -> str:
        """See `EmbedShards.text_of`."""
        return query_text(ecr[_INSTRUCTION], text)
