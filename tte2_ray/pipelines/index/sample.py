"""A few items of what is still to do, decoded here, and the ECRs of them that stand already."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tte2_ray.artifacts.markers import table_key
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import Store
from tte2_ray.artifacts.tables import read_table
from tte2_ray.engines import ModelInput
from tte2_ray.engines.tokens import TokenCounter
from tte2_ray.errors import RowError, RowErrorClass
from tte2_ray.media import DecodedItem, decode_item
from tte2_ray.pipelines.drawn import asked_shards
from tte2_ray.pipelines.index.config import IndexConfig
from tte2_ray.prompts import item_text
from tte2_ray.schema import Item, ecr_schema

Ecrs = dict[str, str]
"""By item id; without those that failed."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the decoded rows of a sample say about all of them."""

    rows: int
    rejected: dict[str, int]
    """By error class."""
    prompt_tokens: float
    """Read for a row by the reasoner, on average, and without an ECR by the embedder."""
    visual_tokens: float
    output_tokens: float = 0.0
    """Of an ECR, on average, where they were all written before; 0 where they were not."""

    @property
    def good(self) -> int:
        """Rows that the reasoner can be given."""
        return self.rows - sum(self.rejected.values())


def written_before(
    store: Store, prefix: str, shards: Sequence[Shard], items: Sequence[Item]
) -> tuple[Ecrs, float]:
    """The ECRs of a sample that stand in the store, and their tokens, on average.

    Args:
        store: where the tables lie.
        prefix: folder of the ECR tables.
        shards: that the sample was drawn from; all of them have their table.
        items: the sample.
    """
    wanted = {item.item_id for item in items}
    tables = (
        read_table(store, table_key(prefix, shard), ecr_schema()) for shard in asked_shards(shards)
    )
    rows = [
        row
        for table in tables
        for row in table.to_pylist()
        if row["item_id"] in wanted and not row["error_class"]
    ]
    ecrs = {row["item_id"]: row["ecr"] for row in rows}
    return ecrs, sum(row["output_tokens"] for row in rows) / max(1, len(rows))


def look(config: IndexConfig, items: Sequence[Item]) -> Sample:
    """Decodes a sample, one item at a time, and counts what the reasoner would read."""
    engine = config.reasoner.engine
    counter = TokenCounter(engine.model)
    context = engine.max_model_len or (counter.context if engine.kind == "vllm" else 0)
    rejected: Counter[str] = Counter()
    prompt = visual = 0
    for item in items:
        try:
            given = shown(decode_item(item, config.media), config.reasoner.instruction)
        except RowError as error:
            rejected[error.error_class.value] += 1
            continue
        tokens = counter.prompt_tokens(given)
        if 0 < context < tokens:
            rejected[RowErrorClass.CONTEXT_OVERFLOW.value] += 1
            continue
        prompt += tokens
        visual += counter.visual_tokens(given)
    good = max(1, len(items) - rejected.total())  # of none, the averages are 0
    return Sample(
        rows=len(items),
        rejected=dict(rejected),
        prompt_tokens=prompt / good,
        visual_tokens=visual / good,
    )


def shown(decoded: DecodedItem, instruction: str) -> ModelInput:
    """What a model is shown of an item."""
    return ModelInput.of(item_text(decoded.text, instruction), decoded)
