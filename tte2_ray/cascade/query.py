"""A query, as the models read it: decoded, reasoned about, named by all that decides its vector.

    query ─ see ─▶ words and media ─ think ─▶ ECR ─ embed ─▶ vector

Reasoner and embedder read the same user turn: the task's instruction, the words, the media.
"""

from dataclasses import dataclass, replace

from tte2_ray.artifacts.keys import EcrRecipe, EmbeddingRecipe, ecr_key, embedding_key
from tte2_ray.ecr import finished_ecr
from tte2_ray.engines import ModelInput, Reasoned, Reasoner
from tte2_ray.media import MediaLimits, decode_item
from tte2_ray.prompts import query_text
from tte2_ray.schema import Item


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is searched for, and among what."""

    instruction: str
    """What kind of thing is wanted; the task."""
    given: Item
    """Its words and media; `item_id` is the id of the query."""
    pool: tuple[str, ...] = ()
    """Ids of the items that may answer it; empty for the whole index."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SeenQuery:
    """A query whose media are decoded."""

    given: ModelInput
    """The user turn that reasoner and embedder read."""
    content_key: str
    """Of its words and the bytes of its media; the instruction is not in it."""


def see_query(query: Query, limits: MediaLimits) -> SeenQuery:
    """Fetches and decodes a query's media and puts its words together.

    Raises:
        RowError: something is wrong with its media, or it has neither words nor media.
    """
    decoded = decode_item(query.given, limits)
    text = query_text(query.instruction, decoded.text)
    return SeenQuery(given=ModelInput.of(text, decoded), content_key=decoded.content_sha256)


async def think(reasoner: Reasoner, seen: SeenQuery) -> Reasoned:
    """The ECR of a query; one without a statement is closed.

    Raises:
        RowError: the engine refuses the query, or the reasoner wrote nothing.
        RuntimeFailure: the engine is dead.
    """
    said = await reasoner.reason(seen.given)
    ecr, _ = finished_ecr(said.text, said.truncated)
    return replace(said, text=ecr)


def query_key(
    query: Query, seen: SeenQuery, items: EcrRecipe, item_vectors: EmbeddingRecipe
) -> str:
    """Names everything that decides ECR and vector of a query; 64 hex digits.

    Args:
        query: its instruction stands in the place of the items'.
        seen: the query, decoded.
        items: how the ECRs of the index were written; the query's is written by the same model.
        item_vectors: how the vectors of the index were made.
    """
    recipe = replace(items, instruction=query_text(query.instruction, ""))
    vectors = replace(item_vectors, ecr_fingerprint=recipe.fingerprint, instruction="")
    return embedding_key(ecr_key(seen.content_key, recipe), vectors)
