"""MMEB-V2 is read in the form that its public code reads, task by task."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow.parquet as pq
import pytest

from tests.pipelines.evaluate import mmeb_folder
from tte2_ray.artifacts.corpus import RejectedRow, read_corpus
from tte2_ray.errors import ConfigError, ResourceMissingError, ValidationError
from tte2_ray.pipelines.evaluate.benchmark import FULL_SIZE, Benchmark, Task
from tte2_ray.pipelines.evaluate.mmeb import SPECS, read_mmeb
from tte2_ray.pipelines.evaluate.mmeb.read import read_task
from tte2_ray.pipelines.evaluate.mmeb.tables import find_tables
from tte2_ray.schema import Item


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mmeb_folder.write_mmeb(tmp_path_factory.mktemp("mmeb"))


@pytest.fixture(scope="module")
def whole(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return read_mmeb(root, tmp_path_factory.mktemp("work"))


def task(benchmark: Benchmark, name: str) -> Task:
    return next(one for one in benchmark.tasks if one.name == name)


def items(benchmark: Benchmark, name: str) -> dict[str, Item]:
    """The corpus of a task, as the index job reads it."""
    found = list(read_corpus(benchmark.corpora[task(benchmark, name).corpus]))
    return {item.item_id: item for item in found if isinstance(item, Item)}


def shown(benchmark: Benchmark, name: str) -> list[list[str]]:
    """Words of the candidates of each query, the right ones first."""
    one, corpus = task(benchmark, name), items(benchmark, name)
    pools = [query.pool or tuple(corpus) for query in one.queries]
    return [
        [corpus[i].text for i in sorted(pool, key=lambda i: -one.qrels[query].get(i, 0))]
        for query, pool in zip(one.ids, pools, strict=True)
    ]


def names(uris: tuple[str, ...]) -> list[str]:
    return [Path(unquote(urlsplit(uri).path)).name for uri in uris]


def test_there_are_78_tasks_as_published_tables_count_them(whole: Benchmark) -> None:
    assert {group: len(names) for group, names in whole.groups().items()} == FULL_SIZE
    kinds = Counter((spec.modality, spec.type) for spec in SPECS.values())
    assert kinds == {
        ("image", "classification"): 10, ("image", "qa"): 10, ("image", "retrieval"): 12,
        ("image", "grounding"): 4, ("video", "classification"): 5, ("video", "qa"): 5,
        ("video", "retrieval"): 5, ("video", "moment"): 3, ("visdoc", "visdoc"): 24,
    }  # fmt: skip


def test_pools_and_measures_are_those_of_the_benchmark(whole: Benchmark) -> None:
    own = {one.name for one in whole.tasks if one.pool == "query"}
    of_video = {one.name for one in whole.tasks if one.modality == "video"}
    assert {one.name for one in whole.tasks if one.modality == "image"} <= own
    assert own & of_video == {"SmthSmthV2", "MVBench", "Video-MME", "NExTQA", "EgoSchema",
                              "ActivityNetQA", "QVHighlight", "Charades-STA",
                              "MomentSeeker"}  # fmt: skip
    assert not {one.name for one in whole.tasks if one.modality == "visdoc"} & own
    measures = {(one.modality, one.measure) for one in whole.tasks}
    assert measures == {("image", "Success@1"), ("video", "Success@1"), ("visdoc", "nDCG@5")}


def test_every_task_has_its_queries_and_every_candidate_is_an_item(whole: Benchmark) -> None:
    asked = {one.name: len(one.queries) for one in whole.tasks}
    assert asked == dict.fromkeys(SPECS, 2) | {"MomentSeeker": 3, "MVBench": 40}
    for one in whole.tasks:
        corpus = items(whole, one.name)
        wanted = {i for query in one.queries for i in query.pool}
        wanted |= {i for grades in one.qrels.values() for i in grades}
        assert wanted <= set(corpus), one.name
        assert all(query.instruction and not query.given.is_empty for query in one.queries)
        for item in [*corpus.values(), *(query.given for query in one.queries)]:
            assert not item.is_empty
            assert len(item.item_id.split()) == 1
            for uri in item.image_uris:
                assert Path(unquote(urlsplit(uri).path)).is_file(), (one.name, uri)


def test_the_first_candidate_of_an_image_task_answers(whole: Benchmark) -> None:
    assert shown(whole, "ImageNet-1K") == [["a red car", "a blue car", "a dog"]] * 2
    query = task(whole, "ImageNet-1K").queries[1]
    assert (query.instruction, query.given.text) == ("Do ImageNet-1K.", "question 1")
    assert names(query.given.image_uris) == ["1.png"]
    assert len(items(whole, "ImageNet-1K")) == 3, "equal texts are one candidate"


def test_pictures_are_told_apart_by_path_and_in_grounding_by_caption_too(whole: Benchmark) -> None:
    # Row n shows the pictures n and n + 1: one of them is in both pools.
    assert len(items(whole, "MSCOCO_t2i")) == 3
    assert task(whole, "MSCOCO_t2i").queries[0].given.image_uris == ()
    assert len(items(whole, "RefCOCO-Matching")) == 4
    assert shown(whole, "WebQA")[0] == ["a caption", "another"]


def test_frames_of_a_video_are_eight_in_natural_order(whole: Benchmark) -> None:
    given = task(whole, "HMDB51").queries[0].given
    assert names(given.image_uris) == [f"frame_{n}.jpg" for n in (1, 2, 3, 5, 6, 8, 9, 11)]
    few = task(whole, "Video-MME").queries[0].given
    assert names(few.image_uris) == [f"frame_{n}.jpg" for n in (1, 2, 3)]


def test_labels_of_videos_are_all_of_the_list(whole: Benchmark) -> None:
    assert {item.text for item in items(whole, "HMDB51").values()} == set(mmeb_folder.LABELS)
    assert [right for right, *_ in shown(whole, "HMDB51")] == ["walk", "run"]
    assert shown(whole, "SmthSmthV2")[0] == ["Closing something", "Opening something"]


@pytest.mark.parametrize("name", ["DiDeMo", "MSR-VTT", "MSVD", "VATEX", "YouCook2"])
def test_words_find_videos_of_all_rows(whole: Benchmark, name: str) -> None:
    one = task(whole, name)
    assert [query.given.text for query in one.queries] == ["about 0", "about 1"]
    assert [list(one.qrels[query]) for query in one.ids] == [["v0"], ["v1"]]
    assert set(items(whole, name)) == {"v0", "v1"}


@pytest.mark.parametrize(
    ("name", "text", "answers"),
    [
        ("Video-MME", "Which?\nA. Apples.\nB. Candles.\nC. Berries.\nD. Both kinds.",
         ["Candles", "Both kinds"]),
        ("EgoSchema", "Which?A. x B. y", ["x", "y"]),
        ("NExTQA", "why\nOptions:\n(A) cook\n(B) sing\n(C) jump\n(D) read\n(E) sleep",
         ["cook", "sing"]),
        ("MVBench", "What?\nOptions:\n(A) one\n(B) two", ["(B) two"] * 40),
        ("ActivityNetQA", "is it day? (A) yes; (B) no.", ["yes", "no"]),
    ],
)  # fmt: skip
def test_questions_about_videos(whole: Benchmark, name: str, text: str, answers: list[str]) -> None:
    assert task(whole, name).queries[0].given.text == text
    assert [right for right, *_ in shown(whole, name)] == answers


def test_moments_are_the_clips_beside_the_whole(whole: Benchmark) -> None:
    one = task(whole, "Charades-STA")
    assert one.queries[0].pool == ("v0/negative_0", "v0/negative_1", "v0/positive_0")
    assert one.qrels[one.ids[0]] == {"v0/positive_0": 1}
    seeker = task(whole, "MomentSeeker")
    shows = [names(query.given.image_uris)[:1] for query in seeker.queries]
    assert shows == [[], ["query_ask.jpg"], ["frame_1.jpg"]]
    assert len({query.instruction for query in seeker.queries}) == 3
    assert seeker.qrels[seeker.ids[0]] == {"clips_0-right": 1}


@pytest.mark.parametrize("name", ["ViDoRe_arxivqa", "VisRAG_PlotQA"])
def test_pages_have_grades_and_lie_in_files(whole: Benchmark, name: str) -> None:
    one, corpus = task(whole, name), items(whole, name)
    assert [sorted(grades.values()) for grades in one.qrels.values()] == [[1, 2], [1]]
    assert len(corpus) == 3
    shown = {Path(unquote(urlsplit(i.image_uris[0]).path)).read_bytes() for i in corpus.values()}
    assert shown == {mmeb_folder.png(i.metadata["name"]) for i in corpus.values()}


def test_pages_that_were_extracted_are_read_there(tmp_path: Path) -> None:
    mmeb_folder.write_mmeb(tmp_path, ["ViDoRe_docvqa"])
    mmeb_folder.picture(tmp_path / "visdoc-tasks/ViDoRe_docvqa/0.png")
    found = read_mmeb(tmp_path, tmp_path / "work", ["ViDoRe_docvqa"])
    places = [Path(urlsplit(i.image_uris[0]).path).parent.name
              for i in items(found, "ViDoRe_docvqa").values()]  # fmt: skip
    assert places == ["ViDoRe_docvqa", "pages", "pages"]


def test_reading_again_makes_the_same_manifest(root: Path, tmp_path: Path) -> None:
    once = read_mmeb(root, tmp_path / "once", ["VisRAG_PlotQA", "CIRR"])
    again = read_mmeb(root, tmp_path / "once", ["VisRAG_PlotQA", "CIRR"])
    assert once == again
    for name, path in once.corpora.items():
        assert len(list(mmeb_folder.manifest(path))) == len(items(once, name))


def test_only_so_many_rows_are_asked_as_the_benchmark_asks(root: Path, tmp_path: Path) -> None:
    assert SPECS["SmthSmthV2"].most_rows == 1000
    assert len(read_task(replace(SPECS["GQA"], most_rows=1), root, tmp_path).queries) == 1
    assert len(read_task(replace(SPECS["GQA"], most_rows=9), root, tmp_path).queries) == 2


def test_what_is_missing_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no task ImageNet-2K"):
        read_mmeb(root, tmp_path, ["ImageNet-2K"])
    with pytest.raises(ResourceMissingError, match="clone MMEB-V2"):
        read_mmeb(tmp_path / "nowhere", tmp_path, [])
    with pytest.raises(ResourceMissingError, match=r"no table of split test in .*image-tasks/GQA"):
        read_mmeb(tmp_path, tmp_path / "work", ["GQA"])


def test_a_smaller_pool_of_labels_is_not_measured_on(tmp_path: Path) -> None:
    mmeb_folder.write_mmeb(tmp_path, ["UCF101"])
    (tmp_path / "video-tasks/UCF101/labels.txt").unlink()
    with pytest.raises(ResourceMissingError, match=r"labels\.txt.*all of them"):
        read_mmeb(tmp_path, tmp_path / "work", ["UCF101"])


def test_a_video_without_frames_is_named(tmp_path: Path) -> None:
    mmeb_folder.write_mmeb(tmp_path, ["MSVD"])
    for frame in (tmp_path / "video-tasks/frames/video_ret/MSVD/v1").iterdir():
        frame.unlink()
    with pytest.raises(ResourceMissingError, match=r"no frames of a video in .*MSVD/v1"):
        read_mmeb(tmp_path, tmp_path / "work", ["MSVD"])


def test_a_candidate_of_no_words_is_one_item_that_is_rejected(tmp_path: Path) -> None:
    mmeb_folder.write_mmeb(tmp_path, ["GQA"])
    file = tmp_path / "image-tasks/GQA/test-00000-of-00001.parquet"
    rows = pq.read_table(file).to_pylist()
    mmeb_folder.table(file.parent, "test", [row | {"tgt_text": ["yes", ""]} for row in rows])
    found = read_mmeb(tmp_path, tmp_path / "work", ["GQA"])
    assert {len(query.pool) for query in task(found, "GQA").queries} == {2}
    written = list(read_corpus(found.corpora["GQA"]))
    assert [type(row) for row in written] == [Item, RejectedRow], "each once, asked by two queries"
    assert [row.error_class for row in written if isinstance(row, RejectedRow)] == ["empty_row"]


def test_a_query_without_an_answer_is_refused(tmp_path: Path) -> None:
    mmeb_folder.write_mmeb(tmp_path, ["ViDoRe_docvqa"])
    qrels = tmp_path / "visdoc-tasks/docvqa_test_subsampled_beir/qrels"
    mmeb_folder.table(qrels, "test", [{"query-id": "q0", "corpus-id": "0", "score": 0}])
    with pytest.raises(ValidationError, match=r"no candidate of query .* has a grade above 0"):
        read_mmeb(tmp_path, tmp_path / "work", ["ViDoRe_docvqa"])


def test_tables_are_found_as_the_hub_keeps_them_and_as_a_conversion_does(tmp_path: Path) -> None:
    for path in ("a/MC/test-00000-of-00002.parquet", "a/MC/test-00001-of-00002.parquet",
                 "a/OE/test-0.parquet", "b/MC/test/0000.parquet", "c/data/val-0.parquet",
                 "d/json/MC.json", "e/test.parquet", "e/test.jsonl",
                 "e/dataset_infos.json"):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()

    def found(folder: str, subset: str, split: str) -> list[str]:
        files = find_tables(tmp_path / folder, subset, split)
        return [file.relative_to(tmp_path).as_posix() for file in files]

    assert found("a", "MC", "test") == ["a/MC/test-00000-of-00002.parquet",
                                        "a/MC/test-00001-of-00002.parquet"]  # fmt: skip
    assert found("b", "MC", "test") == ["b/MC/test/0000.parquet"]
    assert found("c", "", "val") == ["c/data/val-0.parquet"]
    assert found("d", "MC", "train") == ["d/json/MC.json"]
    assert found("e", "", "test") == ["e/test.parquet"]
    with pytest.raises(ResourceMissingError, match="no table of split train"):
        find_tables(tmp_path / "e", "", "train")
