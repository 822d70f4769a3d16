"""Tables of earlier phases, written as if those had run; and what a phase left."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.work import Work
from tools.worlds import read_truth
from tte2_ray.artifacts.keys import ecr_key
from tte2_ray.artifacts.markers import table_key
from tte2_ray.artifacts.shards import read_shard
from tte2_ray.artifacts.tables import read_table, write_table
from tte2_ray.engines import ModelInput
from tte2_ray.engines.tokens import TokenCounter
from tte2_ray.media import decode_item
from tte2_ray.pipelines.index.plan import Job
from tte2_ray.prompts import item_text
from tte2_ray.schema import Item, ecr_schema

if TYPE_CHECKING:
    import pyarrow as pa

_BLANK = {"int32": 0, "bool": False, "string": ""}


def write_tables(
    job: Job, prefix: str, schema: "pa.Schema", values: Callable[[Item], Mapping[str, Any]]
) -> None:
    """A table for each shard of a job.

    Args:
        job: with a plan.
        prefix: of the tables.
        schema: of the tables; columns that are not given are 0, False or "".
        values: the columns of an item besides its id.
    """
    import pyarrow as pa

    blank = {field.name: _BLANK.get(str(field.type)) for field in schema}
    for shard in job.plan.shards:
        rows = [
            {**blank, "item_id": item.item_id, **values(item)}
            for item in read_shard(job.store, shard)
        ]
        write_table(job.store, table_key(prefix, shard), pa.Table.from_pylist(rows, schema))


def write_true_ecrs(work: Work, world: Path) -> Mapping[str, str]:
    """The ECR tables of all rounds, as a perfect reasoner would write them; the ECRs by item id.

    Tokens are counted as far as they can be without an engine.

    Args:
        work: over items of a generated world.
        world: its folder; it knows what is true of each item.
    """
    true = read_truth(world)
    recipe, limits = work.job.config.ecr_recipe(), work.job.config.media

    counter = TokenCounter(work.job.config.reasoner.engine.model)

    def values(item: Item) -> dict[str, Any]:
        decoded, ecr = decode_item(item, limits), true[item.item_id]
        given, content = ModelInput.of(item_text(decoded.text), decoded), decoded.content_sha256
        return {"content_key": content, "ecr_key": ecr_key(content, recipe), "ecr": ecr,
                "modality": item.modality, "prompt_tokens": counter.prompt_tokens(given),
                "visual_tokens": counter.visual_tokens(given),
                "output_tokens": len(ecr.split())}  # fmt: skip

    write_tables(work.job, work.job.ecr_prefix, ecr_schema(), values)
    return true


def committed(work: Work, prefix: str, schema: "pa.Schema") -> list[dict[str, Any]]:
    """The rows of the tables of all rounds, in order."""
    keys = [table_key(prefix, shard) for one in work.rounds for shard in one.shards]
    return [row for key in keys for row in read_table(work.job.store, key, schema).to_pylist()]
