"""An index to search, as the job leaves one, without the time of its engines.

ECRs are those that the world calls true, vectors are drawn: what is found for a query means nothing
but takes as long as anything else would. Loading, verification and publishing are the job's own.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.configured import configured, loaded
from benchmarks.tables import committed, write_tables, write_true_ecrs
from benchmarks.work import SEED, Work, in_rounds
from tte2_ray.artifacts.keys import embedding_key
from tte2_ray.artifacts.markers import mark_done, marker_key
from tte2_ray.config import Options
from tte2_ray.pipelines.index.job import index_corpus
from tte2_ray.schema import Item, ecr_schema, vector_schema
from tte2_ray.stages.counts import Counts


def make_index(folder: Path, items: Sequence[Item], world: Path) -> None:
    """Indexes items; the alias is the one that the configurations name.

    Args:
        folder: of the benchmark: store and Milvus are below it.
        items: whole shards of the job's size.
        world: that they are of.
    """
    config = configured(folder)
    work = in_rounds(folder, config, items, warm=0, rounds=1)
    write_true_ecrs(work, world)
    _write_vectors(work)
    for prefix in (work.job.ecr_prefix, work.job.vector_prefix):
        for shard in work.job.plan.shards:
            done = Counts(rows=shard.rows, done=shard.rows)
            mark_done(work.job.store, marker_key(prefix, shard), done.as_dict())
    corpus = work.job.config.corpus.path
    index_corpus(loaded(folder, f"corpus.path={corpus}"), Options(), io.StringIO())


def _write_vectors(work: Work) -> None:
    import numpy as np

    recipe, drawn = work.job.config.embedding_recipe(), np.random.default_rng(SEED)
    ecrs = committed(work, work.job.ecr_prefix, ecr_schema())
    keys = {row["item_id"]: row["ecr_key"] for row in ecrs}

    def vector(item: Item) -> dict[str, Any]:
        values = drawn.standard_normal(recipe.dimension, dtype=np.float32)
        key = keys[item.item_id]
        return {"vector": values / np.linalg.norm(values), "ecr_key": key,
                "embedding_key": embedding_key(key, recipe)}  # fmt: skip

    write_tables(work.job, work.job.vector_prefix, vector_schema(recipe.dimension), vector)
