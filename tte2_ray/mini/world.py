"""The miniature world as files: `(seed, split, size) → items, queries, qrels` and real media.

    <folder>/media/…           PNG and JPEG pictures, MP4 clips, PDF pages
    <folder>/items.parquet     item_id, text, image_uri, video_uri, document_uri, document_page
    <folder>/items.jsonl       the same rows
    <folder>/queries.jsonl     query_id, task, instruction, text, measure, pool, and where it shows
                               something image_uri or video_uri; no truth
    <folder>/qrels.txt         TREC: query_id 0 item_id grade
    <folder>/truth.jsonl       what is true of each item and query; for training and for checking,
                               never read by the index or at query time

The same arguments give the same items, queries and qrels. Splits share no seed, so no scene.
"""

import io
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tte2_ray.mini.asks import LineAsk, SenderAsk, all_hold
from tte2_ray.mini.render import CLIP_FPS, crop_thing, draw_clip, draw_page, draw_scene
from tte2_ray.mini.tasks import TASKS, Candidate, Case, make_case
from tte2_ray.mini.truth import Clip, Page, Split, Truth

MADE_AT = time.gmtime(0)
"""What generated PDF files say of their making: the same arguments make the same bytes."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Where a generated world lies, and how large it is."""

    folder: Path
    items: int
    queries: int


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """What one query brings into a world; nothing is drawn yet."""

    query_id: str
    case: Case
    candidates: Mapping[str, Candidate]
    """In the order of a pool; by item id, which a short text shares with its equals instead."""
    rng: random.Random
    """As sampling left it: the media are drawn with it, in the order of the candidates."""


@dataclass(frozen=True, kw_only=True)
class _Asked:
    query_id: str
    case: Case
    positive: str
    pool: tuple[str, ...]


def generate(folder: Path, seed: int, split: Split, queries_per_task: int) -> World:
    """Writes a world.

    Args:
        folder: made if missing.
        seed: of this world; any number.
        split: train and dev hold no held-out combination.
        queries_per_task: each brings its answer and 4 to 7 near-misses into the corpus.
    """
    (folder / "media").mkdir(parents=True, exist_ok=True)
    writer = _Writer(folder)
    asked = [
        _ask(writer, task, seed, split, number)
        for task in TASKS
        for number in range(queries_per_task)
    ]
    _write_items(folder, writer.rows)
    _write_queries(folder, writer, asked, f"world/{seed}/{split}")
    truths = [{"item_id": i, "ecr": c.ecr} for i, c in writer.candidates.items()]
    truths += [{"query_id": a.query_id, "ecr": a.case.query_ecr} for a in asked]
    _write_lines(folder / "truth.jsonl", truths)
    return World(folder=folder, items=len(writer.rows), queries=len(asked))


def candidates_of(task: str, seed: int, split: Split, number: int) -> Sampled:
    """What a query brings into the world of a seed: the same at each call.

    Args:
        task: of the query.
        seed: of the world.
        split: of the world.
        number: of the query among those of its task, from 0.
    """
    rng = random.Random(f"world/{seed}/{split}/{task}/{number}")
    case = make_case(task, rng, split)
    name = f"{task}-{number:05d}"
    candidates = [case.positive, *case.negatives]
    rng.shuffle(candidates)  # neither an id nor the order of a pool tells the answer
    by_id = {f"{name}-{i}": candidate for i, candidate in enumerate(candidates)}
    return Sampled(query_id=name, case=case, candidates=by_id, rng=rng)


def _ask(writer: "_Writer", task: str, seed: int, split: Split, number: int) -> _Asked:
    found = candidates_of(task, seed, split, number)
    ids = [writer.item(name, one, found.rng) for name, one in found.candidates.items()]
    pool = tuple(dict.fromkeys(ids)) if TASKS[task].pool == "query" else ()
    positive = ids[list(found.candidates.values()).index(found.case.positive)]
    return _Asked(query_id=found.query_id, case=found.case, positive=positive, pool=pool)


class _Writer:
    """Draws candidates once each and keeps the rows of the corpus."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[dict[str, Any]] = []
        self.candidates: dict[str, Candidate] = {}
        self._texts: dict[str, str] = {}

    def item(self, name: str, candidate: Candidate, rng: random.Random) -> str:
        """The id of the candidate's item; equal short texts are one item."""
        if candidate.truth is None:
            if candidate.text not in self._texts:
                self._texts[candidate.text] = f"text-{len(self._texts):05d}"
                self._add(self._texts[candidate.text], candidate, {"text": candidate.text})
            return self._texts[candidate.text]
        self._add(name, candidate, self.draw(name, candidate.truth, rng, candidate.crop))
        return name

    def draw(self, name: str, truth: Truth, rng: random.Random, crop: int = -1) -> dict[str, Any]:
        """Writes the media of a truth; the columns that name it."""
        if isinstance(truth, Clip):
            path = self._path(name, "mp4")
            path.write_bytes(_mp4(draw_clip(truth, rng, rng.choice((64, 72, 80, 96)))))
            return {"video_uri": self._uri(path)}
        if isinstance(truth, Page):
            path = self._path(name, "pdf")
            draw_page(truth, rng, rng.randint(104, 144)).save(
                path, "PDF", resolution=72.0, title="", creationDate=MADE_AT, modDate=MADE_AT
            )
            return {"document_uri": self._uri(path), "document_page": 0}
        picture = draw_scene(truth, rng, rng.randint(100, 160))
        if crop >= 0:
            picture = crop_thing(picture, truth.things[crop])
        path = self._path(name, rng.choice(("png", "jpg")))
        picture.save(path, quality=rng.randint(70, 95))
        return {"image_uri": self._uri(path)}

    def _add(self, item_id: str, candidate: Candidate, columns: dict[str, Any]) -> None:
        self.candidates[item_id] = candidate
        blank = {
            "text": "",
            "image_uri": "",
            "video_uri": "",
            "document_uri": "",
            "document_page": 0,
        }
        self.rows.append({"item_id": item_id, **blank, **columns})

    def _path(self, name: str, suffix: str) -> Path:
        return self.folder / "media" / f"{name}.{suffix}"

    def _uri(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def _mp4(frames: Any) -> bytes:
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        # x264's macroblock tree differs from run to run at this size, with one thread, too.
        options = {"crf": "20", "x264-params": "threads=1:mbtree=0"}
        stream = container.add_stream("libx264", rate=CLIP_FPS, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def _write_items(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(list(rows)), folder / "items.parquet")
    _write_lines(folder / "items.jsonl", rows)


def _write_queries(folder: Path, writer: _Writer, asked: Sequence[_Asked], seed: str) -> None:
    queries, qrels = [], []
    for one in asked:
        task, case = TASKS[one.case.task], one.case
        row = {"query_id": one.query_id, "task": task.name, "instruction": task.instruction,
               "text": case.text, "measure": task.measure, "pool": list(one.pool)}  # fmt: skip
        if case.media is not None:
            rng = random.Random(f"{seed}/query/{one.query_id}")
            row |= writer.draw(f"query-{one.query_id}", case.media, rng)
        queries.append(row)
        qrels += [f"{one.query_id} 0 {i} {g}" for i, g in _relevant(one, writer)]
    _write_lines(folder / "queries.jsonl", queries)
    (folder / "qrels.txt").write_text("\n".join(qrels) + "\n")


def _relevant(one: _Asked, writer: _Writer) -> Iterator[tuple[str, int]]:
    """Item ids and grades: over the pool of the query, or over every item of its task's kind."""
    if one.pool or not one.case.asks:
        # Another item may say exactly the same as the answer: it answers, too.
        answer = writer.candidates[one.positive]
        ids = one.pool or tuple(i for i in writer.candidates if i.startswith(one.case.task))
        for item_id in ids:
            found = writer.candidates[item_id]
            if item_id == one.positive or (found.ecr, found.text) == (answer.ecr, answer.text):
                yield item_id, 1
        return
    for item_id, candidate in writer.candidates.items():
        if candidate.truth is None or candidate.crop >= 0:
            continue
        if (grade := _grade(one.case, candidate.truth)) > 0:
            yield item_id, grade


def _grade(case: Case, truth: Truth) -> int:
    """2 where every ask holds; for pages 1 where the sender and the goods agree, not the rest."""
    if all_hold(case.asks, truth):
        return 2 if isinstance(truth, Page) else 1
    senders = [a for a in case.asks if isinstance(a, SenderAsk)]
    goods = [a.good for a in case.asks if isinstance(a, LineAsk)]
    if not isinstance(truth, Page) or not (senders or goods):
        return 0  # what asks for neither has nothing that a page could be near in
    listed = {good for good, _ in truth.lines}
    near = all_hold(tuple(senders), truth) and listed.issuperset(goods)
    return 1 if near else 0


def _write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
