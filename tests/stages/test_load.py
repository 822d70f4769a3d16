"""Loading several shards in one call, on a store on disk and a real embedded server."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.pipelines.test_progress import Terminal
from tte2_ray.artifacts.dead_letters import read_dead_letters
from tte2_ray.artifacts.freeze import freeze_plan
from tte2_ray.artifacts.markers import marker_key, read_marker, table_key
from tte2_ray.artifacts.shards import Shard
from tte2_ray.artifacts.store import Store, open_store
from tte2_ray.artifacts.tables import write_table
from tte2_ray.errors import ValidationError
from tte2_ray.milvus.client import connect
from tte2_ray.milvus.collection import CollectionSpec, ensure_collection
from tte2_ray.milvus.config import MilvusConfig
from tte2_ray.milvus.server import resolve, stop_server
from tte2_ray.pipelines.progress import PhaseProgress
from tte2_ray.schema import Item, ecr_schema, vector_schema
from tte2_ray.stages.counts import Counts
from tte2_ray.stages.load import LoadShards, LoadWork
from tte2_ray.stages.to_load import ShardReader, ToLoad
from tte2_ray.stages.work import counts_of, shard_rows

DIMENSION = 4
BLANK = {"int32": 0, "bool": False, "string": ""}


@pytest.fixture(scope="module")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusConfig]:
    folder = tmp_path_factory.mktemp("milvus")
    yield resolve(MilvusConfig(data_dir=str(folder), metadata_fields=("year",)))
    stop_server(folder)


@pytest.fixture
def work(tmp_path: Path, milvus: MilvusConfig, request: pytest.FixtureRequest) -> LoadWork:
    index = "".join(c for c in request.node.name if c.isalnum())[:30]
    spec = CollectionSpec(index=index, version="v1", fingerprint="f", dimension=DIMENSION)
    ensure_collection(connect(milvus), milvus, spec)
    return LoadWork(root=str(tmp_path / "store"), ecr_prefix="ecr/f", vector_prefix="vectors/f",
                    prefix="indexes/i/v1/load", dead_letter_prefix="dead-letter/i", milvus=milvus,
                    collection=spec.name, dimension=DIMENSION)  # fmt: skip


def given(store: Store, rows: int, per_shard: int) -> list[Shard]:
    """Shards with their tables: row 1 has no ECR, row 2 a vector that Milvus must not see."""
    items = [Item(item_id=f"i{n}", text=f"t{n}", metadata={"year": n}) for n in range(rows)]
    plan = freeze_plan(store, "corpora/c", items, per_shard)
    for number, shard in enumerate(plan.shards):
        mine = range(number * per_shard, number * per_shard + shard.rows)
        ecrs = [ecr_row(n) for n in mine]
        vectors = [vector_row(n) for n in mine if n != 1]
        for prefix, table, schema in (
            ("ecr/f", ecrs, ecr_schema()),
            ("vectors/f", vectors, vector_schema(DIMENSION)),
        ):
            write_table(store, table_key(prefix, shard), pa.Table.from_pylist(table, schema))
    return list(plan.shards)


def ecr_row(n: int) -> dict[str, Any]:
    row = {f.name: BLANK[str(f.type)] for f in ecr_schema()}
    row |= {"item_id": f"i{n}", "ecr": f"about {n}", "modality": "text", "output_tokens": 2}
    failed = {"ecr": "", "error_class": "empty_ecr", "error_message": "", "error_stage": "reason"}
    return row | failed if n == 1 else row


def vector_row(n: int) -> dict[str, Any]:
    names = ("embedding_key", "ecr_key", "error_class", "error_message", "error_stage")
    row = dict.fromkeys(names, "") | {"prompt_tokens": 0, "visual_tokens": 0}
    values = [0.0] * DIMENSION if n == 2 else [1.0, float(n), 0.0, 0.0]
    return row | {"item_id": f"i{n}", "vector": values, "ecr_key": f"key of {n}"}


def test_each_shard_of_a_call_is_accounted_for_by_itself(work: LoadWork) -> None:
    store = open_store(work.root)
    shards = given(store, rows=10, per_shard=3)
    counts = list(LoadShards(work).commit(shards))

    assert [(c.rows, c.done, c.rejected) for c in counts] == [(3, 1, 2), (3, 3, 0), (3, 3, 0),
                                                             (1, 1, 0)]  # fmt: skip
    assert counts[0].classes == {"empty_ecr": 1, "bad_vector": 1}
    for shard, count in zip(shards, counts, strict=True):
        marker = read_marker(store, marker_key(work.prefix, shard))
        assert (marker["rows"], marker["done"]) == (count.rows, count.done)
        assert marker["output_tokens"] == 2 * shard.rows, "tokens were spent on the ECRs before"
        named = {letter.item_id for letter in read_dead_letters(store, marker["dead_letters"])}
        assert named == ({"i1", "i2"} if shard == shards[0] else set())

    letters = list(read_dead_letters(store, (key for key, _ in store.list("dead-letter/i"))))
    assert {(x.item_id, x.stage, x.shard) for x in letters} == {
        ("i1", "reason", shards[0].name),
        ("i2", "load", shards[0].name),
    }
    assert json.loads(letters[0].row)["text"] in ("t1", "t2")


def test_rows_carry_their_shard_ecr_and_selected_metadata(work: LoadWork) -> None:
    shards = given(open_store(work.root), rows=5, per_shard=3)
    list(LoadShards(work).commit(shards))
    client = connect(work.milvus)
    client.load_collection(work.collection)
    found = client.query(work.collection, ids=["i0", "i4"], consistency_level="Strong",
                         output_fields=["ecr", "ecr_key", "shard", "metadata",
                                        "vector"])  # fmt: skip
    by_id = {row["item_id"]: row for row in found}
    assert by_id["i4"]["ecr"] == "about 4"
    assert by_id["i4"]["ecr_key"] == "key of 4"
    assert by_id["i4"]["metadata"] == {"year": 4}
    assert [by_id[i]["shard"] for i in ("i0", "i4")] == [shards[0].name, shards[1].name]
    assert list(by_id["i4"]["vector"]) == [1.0, 4.0, 0.0, 0.0]


def test_the_line_of_the_phase_moves_while_a_call_is_at_work(
    work: LoadWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(work, milvus=replace(work.milvus, batch_rows=3))
    store = open_store(work.root)
    shards = given(store, rows=60, per_shard=3)
    read, go_on, out = ShardReader.read, Event(), Terminal()

    def held(reader: ShardReader, shard: Shard) -> ToLoad:
        assert shard != shards[-1] or go_on.wait(60), "nothing was told before the last shard"
        return read(reader, shard)

    monkeypatch.setattr(ShardReader, "read", held)
    progress = PhaseProgress("load", 60, 0, out)
    for told, _ in enumerate(progress.follow(LoadShards(small).commit(shards)), start=1):
        if told == 8:
            assert not store.exists(marker_key(work.prefix, shards[-1]))
            go_on.set()
    lines = out.getvalue().split("\r")
    shown = [line.split("/60 rows")[0].split()[-1] for line in lines if "/60 rows" in line]
    assert {"3", "24", "57", "60"} <= set(shown)


def test_a_call_tells_of_its_shards_in_a_few_parts(work: LoadWork) -> None:
    shards = given(open_store(work.root), rows=100, per_shard=2)
    batch = {name: np.array([row[name] for row in shard_rows(shards)])
             for name in shard_rows(shards)[0]}  # fmt: skip
    parts = [counts_of({"counts": counts}) for part in LoadShards(work)(batch)
             for counts in part["counts"]]  # fmt: skip
    assert len(parts) == 13, "of four shards each, and the rest"
    total = sum(parts, Counts())
    assert (total.rows, total.done, total.rejected) == (100, 98, 2)
    assert total.classes == {"empty_ecr": 1, "bad_vector": 1}


def test_a_shard_that_lacks_rows_is_not_marked(work: LoadWork) -> None:
    store = open_store(work.root)
    shards = given(store, rows=6, per_shard=3)
    key = table_key("vectors/f", shards[1])
    store.delete(key)
    write_table(store, key, pa.Table.from_pylist([vector_row(3)], vector_schema(DIMENSION)))
    with pytest.raises(ValidationError, match="3 rows in, but 1 indexed and 0 rejected"):
        list(LoadShards(work).commit(shards))
    assert not store.exists(marker_key(work.prefix, shards[1]))
    missing = replace(work, vector_prefix="vectors/none")
    with pytest.raises(Exception, match="vectors/none"):
        list(LoadShards(missing).commit(shards[:1]))
