"""The generated world: the same twice, apart between splits, hard by construction."""

import json
import random
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tools.worlds import read_items
from tte2_ray.mini.asks import all_hold
from tte2_ray.mini.edits import change
from tte2_ray.mini.tasks import TASKS, make_case
from tte2_ray.mini.truth import (
    Clip,
    Page,
    Scene,
    Split,
    Truth,
    actor_states,
    sample_clip,
    sample_page,
    sample_scene,
)
from tte2_ray.mini.words import is_held_out, is_held_out_page
from tte2_ray.mini.world import generate


def test_the_same_arguments_give_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        generate(tmp_path / name, seed=3, split="test", queries_per_task=1)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    assert len(files) > 20
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of the test split, two queries a task."""
    folder: Path = tmp_path_factory.mktemp("written")
    assert generate(folder, seed=4, split="test", queries_per_task=2).queries == 2 * len(TASKS)
    return folder


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_no_truth_reaches_the_manifests(written: Path) -> None:
    items, queries = lines(written / "items.jsonl"), lines(written / "queries.jsonl")
    columns = {"item_id", "text", "image_uri", "video_uri", "document_uri", "document_page"}
    assert {frozenset(item) for item in items} == {frozenset(columns)}
    assert pq.read_table(written / "items.parquet").to_pylist() == items
    assert all(item.metadata == {} for item in read_items(written))
    for item in items:
        media = [item[name] for name in ("image_uri", "video_uri", "document_uri") if item[name]]
        assert bool(item["text"]) != bool(media), "words are of text items alone"
    asked = {"query_id", "task", "instruction", "text", "measure", "pool"}
    for query in queries:
        assert set(query) - {"image_uri", "video_uri"} == asked
        assert query["instruction"] == TASKS[query["task"]].instruction
    assert "<think>" not in json.dumps([items, queries])
    judged = {line.split()[0] for line in (written / "qrels.txt").read_text().splitlines()}
    assert judged == {query["query_id"] for query in queries}


def test_names_say_task_query_and_number_alone(written: Path) -> None:
    of_query = rf"({'|'.join(TASKS)})-\d{{5}}"
    for item in lines(written / "items.jsonl"):
        assert re.fullmatch(rf"text-\d{{5}}|{of_query}-\d", item["item_id"])
    for file in (written / "media").iterdir():
        assert re.fullmatch(rf"query-{of_query}|{of_query}-\d", file.stem)
        assert file.suffix in {".png", ".jpg", ".mp4", ".pdf"}


def test_files_say_nothing_beside_their_pixels(written: Path) -> None:
    import av
    from PIL import Image
    from pypdfium2 import PdfDocument

    kinds = set()
    for file in (written / "media").iterdir():
        kinds.add(file.suffix)
        if file.suffix == ".pdf":
            with PdfDocument(file) as document:
                told = document.get_metadata_dict()
                assert {told.pop("CreationDate"), told.pop("ModDate")} == {"D:19700101000000Z"}
                assert set(told.values()) == {""}
                assert document[0].get_textpage().get_text_range() == ""
        elif file.suffix == ".mp4":
            with av.open(file) as container:
                brands = {"major_brand", "minor_version", "compatible_brands", "encoder"}
                assert set(container.metadata) == brands
                assert {k for s in container.streams for k in s.metadata} == {
                    "language",
                    "handler_name",
                }
        else:
            with Image.open(file) as picture:
                picture.load()
                assert not picture.getexif()
                assert all(name.startswith("jfif") for name in picture.info)
    assert kinds == {".png", ".jpg", ".mp4", ".pdf"}


def test_files_differ_in_size_and_compression(written: Path) -> None:
    import av
    from PIL import Image

    widths, tables = defaultdict(set), set()
    for file in (written / "media").iterdir():
        if file.suffix == ".mp4":
            with av.open(file) as container:
                widths[file.suffix].add(container.streams.video[0].width)
        elif file.suffix in (".png", ".jpg"):
            with Image.open(file) as picture:
                widths[file.suffix].add(picture.width)
                if file.suffix == ".jpg":
                    tables.add(str(picture.quantization))
    assert len(widths[".mp4"]) > 2
    assert min(len(widths[".png"]), len(widths[".jpg"])) > 8
    assert len(tables) > 5


def test_what_answers_a_query_is_of_the_kind_that_it_asks_for(tmp_path: Path) -> None:
    generate(tmp_path, seed=5, split="test", queries_per_task=2)
    items = {r["item_id"]: r for r in map(json.loads, (tmp_path / "items.jsonl").open())}
    column = {"image": "image_uri", "video": "video_uri", "visdoc": "document_uri"}
    judged = [line.split() for line in (tmp_path / "qrels.txt").read_text().splitlines()]
    checked = 0
    for query_id, _, item_id, _ in judged:
        kind, _, rest = query_id.partition("_")
        if rest.startswith("retrieval") and kind in column:
            assert items[item_id][column[kind]], f"{item_id} answers {query_id}"
            checked += 1
    assert checked >= 6


@pytest.mark.parametrize("task", TASKS)
def test_near_misses_miss_and_answers_answer(task: str) -> None:
    for seed in range(30):
        case = make_case(task, random.Random(seed), "test")
        for miss in case.negatives:
            assert miss != case.positive
            if case.asks and miss.truth is not None:
                assert not all_hold(case.asks, miss.truth)
        if case.asks and case.positive.truth is not None:
            assert all_hold(case.asks, case.positive.truth)


def test_held_out_looks_are_seen_in_the_test_split_alone() -> None:
    def held_out(split: Split) -> int:
        seen = 0
        for n in range(200):
            rng = random.Random(n)
            scene, clip = sample_scene(rng, split), sample_clip(rng, split)
            truths = [scene, clip, change(rng, scene, split), change(rng, clip, split)]
            seen += sum(is_held_out(*look) for truth in truths for look in looks(truth))
        return seen

    assert held_out("train") == held_out("dev") == 0
    assert held_out("test") > 10


def test_held_out_senders_are_seen_in_the_test_split_alone() -> None:
    def held_out(split: Split) -> int:
        pages = []
        for n in range(200):
            page = sample_page(random.Random(n), split)
            pages += [page, change(random.Random(n), page, split) or page]
        return sum(is_held_out_page(page.kind, page.city) for page in pages)

    assert held_out("train") == held_out("dev") == 0
    assert held_out("test") > 10


def looks(truth: Truth | None) -> list[tuple[str, str, str]]:
    if isinstance(truth, Scene):
        return [thing.look for thing in (*truth.things, *truth.tinies)]
    if isinstance(truth, Clip):
        actors = [a for state in actor_states(truth) for a in state if a is not None]
        return [thing.look for thing in (*actors, truth.tiny)]
    return []


@pytest.mark.parametrize("task", ["image_retrieval", "composed_retrieval", "visdoc_retrieval"])
def test_a_bag_of_attributes_cannot_tell_every_near_miss_from_the_answer(task: str) -> None:
    def bag(truth: Truth | None) -> list[str]:
        if isinstance(truth, Page):
            return sorted([truth.kind, truth.city, truth.footer, *map(str, sum(truth.lines, ()))])
        assert isinstance(truth, Scene)
        words = [(*t.look, t.region) for t in truth.things]
        return sorted([*(w for four in words for w in four), *(w for t in looks(truth) for w in t)])

    for seed in range(60):
        case = make_case(task, random.Random(seed), "test")
        bags = [bag(miss.truth) for miss in case.negatives]
        assert bag(case.positive.truth) in bags, f"seed {seed}"


def test_neither_ids_nor_the_order_of_a_pool_tell_the_answer(tmp_path: Path) -> None:
    generate(tmp_path, seed=6, split="test", queries_per_task=6)
    answers: dict[str, list[str]] = defaultdict(list)
    for query_id, _, item_id, _ in map(str.split, (tmp_path / "qrels.txt").open()):
        answers[query_id].append(item_id)
    pools = [(q["pool"], answers[q["query_id"]]) for q in
             map(json.loads, (tmp_path / "queries.jsonl").open()) if q["pool"]]  # fmt: skip
    first = [pool[0] in right for pool, right in pools]
    numbered = [item for right in answers.values() for item in right if not item.startswith("text")]
    assert 0 < sum(first) < len(first) / 2
    assert len({item.rpartition("-")[2] for item in numbered}) > 3
