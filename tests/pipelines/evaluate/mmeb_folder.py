"""A small folder of MMEB-V2's on-disk form: every task, two rows each, made for the tests.

The columns are those that the public code reads (docs/mmeb-v2.md); pictures are one pixel large.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tte2_ray.pipelines.evaluate.mmeb.specs import SPECS, Spec
from tte2_ray.pipelines.evaluate.mmeb.video_qa import MVBENCH

ROWS = 2
LABELS = ("walk", "run", "sit down", "wave")
SAVED_FRAMES = 11


def write_mmeb(root: Path, names: Sequence[str] = tuple(SPECS)) -> Path:
    """Writes tasks below `root`."""
    for name in names:
        WRITERS[SPECS[name].form](SPECS[name], root)
    return root


def png(name: str) -> bytes:
    """A picture of one colour, another for each name."""
    red, green, blue = hashlib.sha256(name.encode()).digest()[:3]
    return _png((red // 16, green // 16, blue // 16))


@cache
def _png(colour: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (1, 1), tuple(16 * value for value in colour)).save(out, "PNG")
    return out.getvalue()


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(path.as_posix()))


def frames(folder: Path, count: int = SAVED_FRAMES) -> None:
    for number in range(1, count + 1):
        picture(folder / f"frame_{number}.jpg")  # unpadded: 10 must stand behind 9
    (folder / "notes.txt").write_text("no frame")


def table(folder: Path, split: str, rows: Sequence[Mapping[str, Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), folder / f"{split}-00000-of-00001.parquet")


def jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _image(spec: Spec, root: Path, shows: bool, texts: Sequence[str], pictures: bool) -> None:
    rows = []
    for n in range(ROWS):
        shown = f"{spec.name}/{n}.png"
        candidates = [f"{spec.name}/{n + i}-c.png" for i in range(len(texts))] if pictures else []
        for path in [shown, *candidates]:
            picture(root / spec.media / path)
        rows.append({"qry_inst": f"<|image_1|>\nDo {spec.name}.", "qry_text": f"question {n}",
                     "qry_img_path": shown if shows else "", "tgt_inst": "<|image_1|> Look.",
                     "tgt_text": list(texts),
                     "tgt_img_path": candidates or [""] * len(texts)})  # fmt: skip
    table(root / spec.annotations / spec.name, "test", rows)


def image_to_text(spec: Spec, root: Path) -> None:
    _image(spec, root, True, ("a red car", "a blue car", "a dog"), pictures=False)


def text_to_image(spec: Spec, root: Path) -> None:
    captions = ("a caption", "another") if spec.name in ("WebQA", "EDIS") else ("", "")
    _image(spec, root, False, captions, pictures=True)


def image_to_image(spec: Spec, root: Path) -> None:
    captions = ('"left"', '"right"') if spec.name == "RefCOCO-Matching" else ("", "")
    _image(spec, root, True, captions, pictures=True)


def video_classification(spec: Spec, root: Path) -> None:
    rows = [{"video_id": f"clip {n}", "pos_text": LABELS[n]} for n in range(ROWS)]
    for row in rows:
        frames(root / spec.media / row["video_id"])
    table(root / spec.annotations / "data", "test", rows)
    (root / spec.annotations / "labels.txt").write_text("\n".join(LABELS) + "\n")


def video_choice(spec: Spec, root: Path) -> None:
    rows = [{"video_id": n, "pos_text": "Closing something", "neg_text": ["Opening something",
             "Closing something"]} for n in range(ROWS)]  # fmt: skip
    for row in rows:
        frames(root / spec.media / str(row["video_id"]))
    table(root / spec.annotations / "data", "test", rows)


def _retrieval(name: str, words: str, many: bool, row_name: str = "v{n}") -> Any:
    def write(spec: Spec, root: Path) -> None:
        rows = []
        for n in range(ROWS):
            text: Any = f"about {n}"
            rows.append({name: row_name.format(n=n), words: [text, "else"] if many else text})
            frames(root / spec.media / f"v{n}")
        table(root / spec.annotations / spec.subset, spec.split, rows)

    return write


def moments(spec: Spec, root: Path) -> None:
    rows = [{"query": f"what {n}", "video_path": f"raw/v{n}.mp4"} for n in range(ROWS)]
    for n in range(ROWS):
        for clip in ("query", "positive_0", "negative_0", "negative_1"):
            frames(root / spec.media / f"v{n}" / clip)
    jsonl(root / spec.annotations / "test.jsonl", rows)


def momentseeker(spec: Spec, root: Path) -> None:
    given = ["", "ask.jpg", "movie/whole.mp4"]
    rows = [{"query": f"what {n}", "input_frames": media,
             "positive_frames": [{"output_path": f"clips/{n}-right.mp4"}],
             "negative_frames": [{"output_path": f"clips/{n}-wrong.mp4"}]}
            for n, media in enumerate(given)]  # fmt: skip
    picture(root / spec.media / "query_ask.jpg")
    for folder in (
        "movie_whole",
        *(f"clips_{n}-{w}" for n in range(3) for w in ("right", "wrong")),
    ):
        frames(root / spec.media / "video_frames" / folder, 8)
    jsonl(root / spec.annotations / "test.jsonl", rows)


def _qa(folder: str, rows: Sequence[Mapping[str, Any]], spec: Spec, root: Path) -> None:
    for n in range(ROWS):
        frames(root / spec.media / folder.format(n=n), 3)
    table(root / spec.annotations / (spec.subset or "data"), spec.split, rows)


def videomme(spec: Spec, root: Path) -> None:
    options = ["A. Apples.", "B. Candles.", "C. Berries.", "D. Both kinds."]
    rows = [{"videoID": f"v{n}", "question": "Which?", "options": options, "answer": "BD"[n]}
            for n in range(ROWS)]  # fmt: skip
    _qa("v{n}", rows, spec, root)


def egoschema(spec: Spec, root: Path) -> None:
    rows = [{"video_idx": f"v{n}", "question": "Which?", "option": ["A. x", "B. y"],
             "answer": str(n)} for n in range(ROWS)]  # fmt: skip
    _qa("v{n}", rows, spec, root)


def nextqa(spec: Spec, root: Path) -> None:
    answers = {f"a{i}": word for i, word in enumerate(("cook", "sing", "jump", "read", "sleep"))}
    rows = [{"video": n, "question": "why", "answer": n, **answers} for n in range(ROWS)]
    _qa("{n}", rows, spec, root)


def mvbench(spec: Spec, root: Path) -> None:
    for subset in MVBENCH:
        rows = [{"video": f"v{n}.mp4", "question": "What?", "candidates": ["one", "two"],
                 "answer": "two"} for n in range(ROWS)]  # fmt: skip
        (root / spec.annotations / "json").mkdir(parents=True, exist_ok=True)
        (root / spec.annotations / "json" / f"{subset}.json").write_text(json.dumps(rows))
        for n in range(ROWS):
            frames(root / spec.media / subset / f"v{n}.mp4", 3)


def activitynetqa(spec: Spec, root: Path) -> None:
    rows = [{"video_name": f"x{n}", "question": "is it day", "answer": ("yes", "no")[n]}
            for n in range(ROWS)]  # fmt: skip
    _qa("v_x{n}", rows, spec, root)


def beir(spec: Spec, root: Path) -> None:
    folder = root / spec.annotations
    pages = [f"{'long ' * 20}page{n}.jpg" if spec.form == "visrag" else str(n) for n in range(3)]
    grades = [("q0", pages[0], 2), ("q0", pages[1], 1), ("q0", pages[2], 0), ("q1", pages[2], 1)]
    queries = [{"query-id": f"q{n}", "query": f"ask {n}", "language": "english"}
               for n in range(ROWS)]  # fmt: skip
    table(folder / "queries", spec.split, queries)
    table(folder / "corpus", spec.split,
          [{"corpus-id": p, "image": {"bytes": png(p), "path": None}} for p in pages])  # fmt: skip
    table(folder / "qrels", spec.split, [{"query-id": q, "corpus-id": p, "score": g}
                                         for q, p, g in grades])  # fmt: skip


WRITERS: Mapping[str, Any] = {
    "image_to_text": image_to_text,
    "text_to_image": text_to_image,
    "image_to_image": image_to_image,
    "video_classification": video_classification,
    "video_choice": video_choice,
    "msrvtt": _retrieval("video_id", "caption", many=False),
    "msvd": _retrieval("video_id", "caption", many=True),
    "didemo": _retrieval("video", "caption", many=False, row_name="raw/v{n}.mp4"),
    "youcook2": _retrieval("id", "sentence", many=False),
    "vatex": _retrieval("videoID", "enCap", many=True),
    "moments": moments,
    "momentseeker": momentseeker,
    "videomme": videomme,
    "nextqa": nextqa,
    "egoschema": egoschema,
    "mvbench": mvbench,
    "activitynetqa": activitynetqa,
    "vidore": beir,
    "visrag": beir,
}


def manifest(path: str) -> Iterator[dict[str, Any]]:
    """The rows of a manifest."""
    yield from map(json.loads, Path(path).read_text().splitlines())
