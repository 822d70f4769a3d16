"""The whole benchmark: every task that lies there, its candidates as a manifest of its own.

<work>/<task>/items.jsonl    item_id, text, image_uris, name (the public one)
<work>/<task>/pages/…        pictures that lay in a table
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from tte2_ray.cascade import Query
from tte2_ray.errors import ConfigError, ResourceMissingError, ValidationError
from tte2_ray.pipelines.evaluate.benchmark import Benchmark, Task
from tte2_ray.pipelines.evaluate.mmeb import image, moment, video, video_qa, visdoc
from tte2_ray.pipelines.evaluate.mmeb.parts import Parser, Row, Shown, item_id
from tte2_ray.pipelines.evaluate.mmeb.specs import SPECS, Form, Spec
from tte2_ray.schema import Item

MANIFEST = "items.jsonl"
PARSERS: Mapping[Form, Parser] = {
    "image_to_text": image.image_to_text,
    "text_to_image": image.text_to_image,
    "image_to_image": image.image_to_image,
    "video_classification": video.video_classification,
    "video_choice": video.video_choice,
    "msrvtt": video.msrvtt,
    "msvd": video.msvd,
    "didemo": video.didemo,
    "youcook2": video.youcook2,
    "vatex": video.vatex,
    "moments": moment.moments,
    "momentseeker": moment.momentseeker,
    "videomme": video_qa.videomme,
    "nextqa": video_qa.nextqa,
    "egoschema": video_qa.egoschema,
    "mvbench": video_qa.mvbench,
    "activitynetqa": video_qa.activitynetqa,
    "vidore": visdoc.vidore,
    "visrag": visdoc.visrag,
}
_NAME_CHARS = 500
"""Of a public name, kept in the metadata of an item."""


def read_mmeb(root: Path, work: Path, only: Sequence[str] = ()) -> Benchmark:
    """Reads tasks, and writes a manifest of the candidates of each.

    Args:
        root: holds image-tasks, video-tasks and visdoc-tasks.
        work: folder of the manifests; made if missing, written anew.
        only: names of tasks; all 78 by default, and then all must lie there.

    Raises:
        ConfigError: there is no task of a name.
        ResourceMissingError: a table, frames or labels are not there.
        ValidationError: a table is of another form, or a query has no answer.
    """
    if unknown := [name for name in only if name not in SPECS]:
        raise ConfigError(f"MMEB-V2 has no task {unknown[0]}: it has {', '.join(SPECS)}")
    if not root.is_dir():
        raise ResourceMissingError(f"no folder {root}: clone MMEB-V2 there (docs/mmeb-v2.md)")
    specs = [SPECS[name] for name in SPECS if not only or name in only]
    tasks = [read_task(spec, root, work / spec.name) for spec in specs]
    corpora = {spec.name: str(work / spec.name / MANIFEST) for spec in specs}
    return Benchmark(name="mmeb-v2", split="test", folder=str(root), corpora=corpora,
                     tasks=tuple(tasks))  # fmt: skip


def read_task(spec: Spec, root: Path, work: Path) -> Task:
    """Reads one task, and writes the manifest of its candidates.

    Args:
        spec: of the task.
        root: of the benchmark.
        work: folder of this task.

    Raises:
        ResourceMissingError, ValidationError: as `read_mmeb`.
    """
    parsed = PARSERS[spec.form](spec, root)
    work.mkdir(parents=True, exist_ok=True)
    draft = work / f".{MANIFEST}"
    with draft.open("w", encoding="utf-8") as out:
        manifest = _Manifest(spec, work, out)
        asked, qrels = _asked(spec, parsed.rows, manifest)
        manifest.add_all(parsed.corpus)
    draft.replace(work / MANIFEST)
    return Task(name=spec.name, type=spec.type, modality=spec.modality, pool=spec.pool,
                measure=spec.measure, corpus=spec.name, queries=tuple(asked),
                qrels=qrels)  # fmt: skip


def _asked(
    spec: Spec, rows: Iterator[Row], manifest: "_Manifest"
) -> tuple[list[Query], dict[str, dict[str, int]]]:
    asked, qrels = [], {}
    pools: dict[tuple[str, ...], tuple[str, ...]] = {}
    """Many queries share one: it is kept once."""
    for number, row in enumerate(rows):
        if spec.most_rows and number == spec.most_rows:
            break
        names = tuple(manifest.add_all(row.candidates.items()))
        pool = pools.setdefault(names, names) if spec.pool == "query" else ()
        query_id = f"{item_id(spec.name)}:{number:06d}"
        given = Item(item_id=query_id, text=row.given.text,
                     image_uris=tuple(map(_uri, row.given.images)))  # fmt: skip
        asked.append(Query(instruction=row.instruction, given=given, pool=pool))
        qrels[query_id] = {item_id(name): grade for name, grade in row.grades.items()}
    return asked, qrels


class _Manifest:
    """Writes each candidate once: the first of a public name is the candidate, as in the public
    code. One of no words and no picture is written, too: the index job counts it as rejected."""

    def __init__(self, spec: Spec, work: Path, out: TextIO) -> None:
        self._spec, self._pages, self._out = spec, work / "pages", out
        self._names: dict[str, str] = {}

    def add_all(self, candidates: Iterable[tuple[str, Shown]]) -> list[str]:
        """The ids of candidates, in order."""
        return list(dict.fromkeys(self._add(name, shown) for name, shown in candidates))

    def _add(self, name: str, shown: Shown) -> str:
        own = item_id(name)
        if own not in self._names:
            self._names[own] = name
            paths = shown.images or ((self._page(own, shown.data),) if shown.data else ())
            row = {"item_id": own, "text": shown.text, "image_uris": list(map(_uri, paths)),
                   "name": name[:_NAME_CHARS]}  # fmt: skip
            self._out.write(json.dumps(row, ensure_ascii=False) + "\n")
        elif (before := self._names[own]) != name:
            raise ValidationError(f"{self._spec.name}: {name!r} and {before!r} have one id, {own}")
        return own

    def _page(self, own: str, data: bytes) -> Path:
        self._pages.mkdir(exist_ok=True)
        path = self._pages / own.replace("/", "_")
        if not path.is_file():
            draft = path.with_name(f".{path.name}")
            draft.write_bytes(data)
            draft.replace(path)
        return path


def _uri(path: Path) -> str:
    return path.absolute().as_uri()
