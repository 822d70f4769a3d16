"""Queries with their ECRs and what was found for them; the index is a real Milvus Lite."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tte2_ray.artifacts.keys import EcrRecipe, EmbeddingRecipe
from tte2_ray.artifacts.markers import table_key
from tte2_ray.artifacts.query_log import Frozen
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import open_store
from tte2_ray.artifacts.tables import write_table
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.collection import CollectionSpec, ensure_collection
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.rows import IndexRow
from tte2_ray.milvus.searcher import Searcher
from tte2_ray.milvus.server import resolve, stop_server
from tte2_ray.milvus.writer import Writer, seal
from tte2_ray.schema import Item, ecr_schema
from tte2_ray.stages.ready import QueryReader, Ready, Sources

READ, SEEN, WRITTEN = 50, 36, 9
"""Tokens of every query: its prompt, the pixels in it, its ECR."""


@pytest.fixture(scope="module")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MilvusConfig, str]]:
    """An index of one item."""
    folder = tmp_path_factory.mktemp("milvus")
    config = resolve(MilvusConfig(data_dir=str(folder)))
    client = connect(config)
    spec = CollectionSpec(index="one", version="v1", fingerprint="f", dimension=4)
    name = ensure_collection(client, config, spec)
    row = IndexRow(item_id="i", vector=np.ones(4), ecr="ecr", modality="text", ecr_key="e",
                   embedding_key="k", prompt_tokens=1, visual_tokens=0, output_tokens=1,
                   shard="s")  # fmt: skip
    Writer(config, name, dimension=4).write([row])
    seal(client, config, name)
    yield config, name
    stop_server(folder)


def read(milvus: tuple[MilvusConfig, str], folder: Path, items: list[Item]) -> list[Ready]:
    """Queries that were reasoned about, each with the item for a candidate."""
    config, collection = milvus
    store, shard = open_store(str(folder)), Shard(name="s", key="k", rows=len(items), rejected=0)
    rows = [
        {"item_id": item.item_id, "content_key": f"content of {item.item_id}", "ecr_key": "e",
         "modality": item.modality, "ecr": "an ecr", "prompt_tokens": READ,
         "visual_tokens": SEEN if item.modality != "text" else 0, "output_tokens": WRITTEN,
         "truncated": False, "notes": "", "error_class": "", "error_message": "", "error_stage": ""}
        for item in items
    ]  # fmt: skip
    write_table(store, table_key("ecr", shard), pa.Table.from_pylist(rows, ecr_schema()))
    recipe = EcrRecipe(instruction="Think.", reasoner="r", prompt_version="1")
    vectors = EmbeddingRecipe(ecr_fingerprint=recipe.fingerprint, embedder="e", pooling="last",
                              dimension=4)  # fmt: skip
    sources = Sources(ecr_prefix="ecr", vector_prefix="", recipe=recipe, vectors=vectors,
                      milvus=config, collection=collection, retrieve=5,
                      max_text_chars=100)  # fmt: skip
    found = QueryReader(store, Searcher(config), sources).read(shard, items)
    assert all(isinstance(each, Ready) for each in found)
    return [each for each in found if isinstance(each, Ready)]


def query(item_id: str, **given: object) -> Item:
    metadata = Frozen(pool=("i",), scores=(1.0,)).to_metadata()
    return Item(item_id=item_id, metadata=metadata, **given)  # type: ignore[arg-type]


def test_a_query_is_priced_with_its_ecr_where_that_is_read(
    milvus: tuple[MilvusConfig, str], tmp_path: Path
) -> None:
    picture = ("file:///nowhere.png",)
    words, both, alone = read(milvus, tmp_path, [
        query("words", text="a star"),
        query("both", text="greener", image_uris=picture),
        query("alone", image_uris=picture),
    ])  # fmt: skip
    assert words.asked.words() == "a star"
    assert words.asked.words_tokens == READ
    assert words.asked.ecr_spent.output == WRITTEN, "it was paid for all the same"
    assert [each.asked.words() for each in (both, alone)] == ["greener. an ecr", "an ecr"]
    assert both.asked.words_tokens == alone.asked.words_tokens == READ - SEEN + WRITTEN


def test_what_a_query_held_is_remembered(milvus: tuple[MilvusConfig, str], tmp_path: Path) -> None:
    (found,) = read(milvus, tmp_path, [query("q", text="a star")])
    assert found.content_key == "content of q"
    assert [each.item_id for each in found.candidates] == ["i"]
