"""Shards and their ECR tables in, vector tables out; no token is written here."""

from collections.abc import Sequence
from dataclasses import dataclass

from tte2_ray.artifacts.keys import EmbeddingRecipe, embedding_key
from tte2_ray.artifacts.markers import table_key
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import open_store
from tte2_ray.artifacts.tables import read_table
from tte2_ray.engines import EmbedderConfig, ModelInput, build_embedder
from tte2_ray.engines.halving import HalvingEmbedder, narrowed
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media import DecodedItem, MediaLimits
from tte2_ray.milvus.rows import checked_vector
from tte2_ray.prompts import item_text
from tte2_ray.schema import Item, ecr_schema, vector_schema
from tte2_ray.stages.decoder import Decoder
from tte2_ray.stages.room import room_of
from tte2_ray.stages.work import Row, TableStage

STAGE = "embed"


@dataclass(frozen=True, kw_only=True)
class EmbedWork:
    """What a replica needs to embed shards."""

    index: str
    """What is built."""
    root: str
    """Of the artifact store."""
    ecr_prefix: str
    """Folder of the ECR tables."""
    prefix: str
    """Folder of the vector tables, `vectors/<fingerprint>`."""
    recipe: EmbeddingRecipe
    embedder: EmbedderConfig
    limits: MediaLimits


class EmbedShards(TableStage[Row]):
    """Writes the rows of `vector_schema()`, one for each item of the shard that has an ECR."""

    def __init__(self, work: EmbedWork) -> None:
        room = room_of("embedder")
        engine = narrowed(work.embedder.engine, room.halvings)
        decoder = Decoder(work.limits, engine.decode_threads, engine.max_in_flight)
        room.then(decoder.halve)
        schema = vector_schema(work.recipe.dimension)
        super().__init__(STAGE, work.index, open_store(work.root), work.prefix, schema, decoder)
        self._work = work
        self._embedder = HalvingEmbedder(build_embedder, work.embedder, room)

    def key_of(self, item: Item, ecr: Row) -> str:
        """Names all that decides the vector of an item with this ECR."""
        return embedding_key(ecr["ecr_key"], self._work.recipe)

    def text_of(self, ecr: Row, text: str) -> str:
        """The user's words about an item with this ECR, whose own words are `text`."""
        return item_text(text, self._work.embedder.instruction)

    def given(self, shard: Shard, items: Sequence[Item]) -> list[tuple[Item, Row]]:
        """The items that have an ECR, each with the row of the ECR table."""
        key = table_key(self._work.ecr_prefix, shard)
        ecrs = read_table(self._store, key, ecr_schema()).to_pylist()
        pairs = zip(items, ecrs, strict=True)
        return [(item, ecr) for item, ecr in pairs if not ecr["error_class"]]

    def blank(self, item: Item, given: Row) -> Row:
        """See `TableStage.blank`."""
        return {
            "item_id": item.item_id,
            "embedding_key": self.key_of(item, given),
            "ecr_key": given["ecr_key"],
            "vector": [0.0] * self._work.recipe.dimension,
            "prompt_tokens": 0,
            "visual_tokens": 0,
            "error_class": "",
            "error_message": "",
            "error_stage": "",
        }

    async def holds(self, row: Row, item: Item, given: Row, *, as_before: bool) -> bool:
        """Its ECR was not written anew."""
        return bool(row["ecr_key"] == given["ecr_key"])

    async def answer(self, row: Row, decoded: DecodedItem, given: Row) -> Row:
        """The vector, and what it cost."""
        if decoded.content_sha256 != given["content_key"]:
            message = "its files changed after they were reasoned about; run again with --redrive"
            raise RowError(RowErrorClass.CONTENT_CHANGED, message)
        text = self.text_of(given, decoded.text)
        read = given["ecr"] if self._work.embedder.reads_ecr else ""
        made = await self._embedder.embed(ModelInput.of(text, decoded), read)
        checked_vector(made.vector, self._work.recipe.dimension)
        return {
            "vector": made.vector,
            "prompt_tokens": made.prompt_tokens,
            "visual_tokens": made.visual_tokens,
        }
