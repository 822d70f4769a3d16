"""Shards in, ECR tables out: fetch, decode and reason about every item of a shard."""

from collections.abc import Sequence
from dataclasses import dataclass

from tte2_ray.artifacts.keys import EcrRecipe, ecr_key
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import open_store
from tte2_ray.ecr import finished_ecr
from tte2_ray.engines import ModelInput, ReasonerConfig, build_reasoner
from tte2_ray.engines.halving import HalvingReasoner, narrowed
from tte2_ray.media import DecodedItem, MediaLimits
from tte2_ray.prompts import item_text
from tte2_ray.schema import Item, ecr_schema
from tte2_ray.stages.decoder import Decoder
from tte2_ray.stages.room import room_of
from tte2_ray.stages.work import Row, TableStage

STAGE = "reason"


@dataclass(frozen=True, kw_only=True)
class ReasonWork:
    """What a replica needs to reason about shards."""

    index: str
    """What is built."""
    root: str
    """Of the artifact store."""
    prefix: str
    """Folder of the ECR tables, `ecr/<fingerprint>`."""
    recipe: EcrRecipe
    reasoner: ReasonerConfig
    limits: MediaLimits


class ReasonShards(TableStage[Item]):
    """Writes the rows of `ecr_schema()`, one for each item of the shard."""

    def __init__(self, work: ReasonWork) -> None:
        self._room = room_of("reasoner")
        engine = narrowed(work.reasoner.engine, self._room.halvings)
        decoder = Decoder(work.limits, engine.decode_threads, engine.max_in_flight)
        self._room.then(decoder.halve)
        super().__init__(
            STAGE, work.index, open_store(work.root), work.prefix, ecr_schema(), decoder
        )
        self._work = work
        self._start()

    def _start(self) -> None:
        self._reasoner = HalvingReasoner(build_reasoner, self._work.reasoner, self._room)

    def recipe_of(self, item: Item) -> EcrRecipe:
        """What decides the ECR of an item, besides the item."""
        return self._work.recipe

    def text_of(self, item: Item, text: str) -> str:
        """The user's words about an item whose own words are `text`."""
        return item_text(text, self._work.reasoner.instruction)

    def given(self, shard: Shard, items: Sequence[Item]) -> list[tuple[Item, Item]]:
        """Every item, with itself."""
        return [(item, item) for item in items]

    def blank(self, item: Item, given: Item) -> Row:
        """See `TableStage.blank`."""
        return {
            "item_id": item.item_id,
            "content_key": "",
            "ecr_key": "",
            "modality": item.modality,
            "ecr": "",
            "prompt_tokens": 0,
            "visual_tokens": 0,
            "output_tokens": 0,
            "truncated": False,
            "notes": "",
            "error_class": "",
            "error_message": "",
            "error_stage": "",
        }

    async def holds(self, row: Row, item: Item, given: Item, *, as_before: bool) -> bool:
        """Its words and files are what they were: their bytes are asked, not their names.

        A file that does not answer now is taken for what it was, but not where the listing says
        that the item changed.
        """
        return await self._decoder.unchanged(item, row["content_key"], unanswered=as_before)

    async def answer(self, row: Row, decoded: DecodedItem, given: Item) -> Row:
        """The ECR, and what it cost."""
        row["content_key"] = decoded.content_sha256
        row["ecr_key"] = ecr_key(decoded.content_sha256, self.recipe_of(given))
        row["notes"] = decoded.notes
        text = self.text_of(given, decoded.text)
        said = await self._reasoner.reason(ModelInput.of(text, decoded))
        ecr, note = finished_ecr(said.text, said.truncated)
        return {
            "ecr": ecr,
            "notes": "; ".join(part for part in (decoded.notes, said.note, note) if part),
            "prompt_tokens": said.prompt_tokens,
            "visual_tokens": said.visual_tokens,
            "output_tokens": said.output_tokens,
            "truncated": said.truncated,
        }
