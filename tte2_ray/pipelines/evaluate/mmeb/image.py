"""Image tasks: a pool of texts or pictures for each query; the first candidate answers."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tte2_ray.pipelines.evaluate.mmeb.parts import Parsed, Row, Shown, clean
from tte2_ray.pipelines.evaluate.mmeb.specs import Spec
from tte2_ray.pipelines.evaluate.mmeb.tables import find_tables, read_rows

_QUERY = ("qry_inst", "qry_text")


def image_to_text(spec: Spec, root: Path) -> Parsed:
    """Classification, QA and captions: a picture, perhaps a question; texts answer."""

    def rows() -> Iterator[Row]:
        for row in _rows(spec, root, "qry_img_path", "tgt_text"):
            yield _row(row, _picture(spec, root, row), {text: Shown(text=text)
                                                        for text in row["tgt_text"]})  # fmt: skip

    return Parsed(rows=rows())


def text_to_image(spec: Spec, root: Path) -> Parsed:
    """Retrieval by words: pictures answer, with captions in some tasks."""

    def rows() -> Iterator[Row]:
        for row in _rows(spec, root, "tgt_text", "tgt_img_path"):
            # Public names are paths alone here: one picture has one caption.
            shown = zip(row["tgt_img_path"], row["tgt_text"], strict=True)
            named = {path: _candidate(spec, root, path, text) for path, text in shown}
            yield _row(row, Shown(text=row["qry_text"].strip()), named)

    return Parsed(rows=rows())


def image_to_image(spec: Spec, root: Path) -> Parsed:
    """Composed retrieval and grounding: a picture with words; pictures answer.

    One picture may stand for several candidates, told apart by their captions.
    """

    def rows() -> Iterator[Row]:
        for row in _rows(spec, root, "qry_img_path", "tgt_text", "tgt_img_path"):
            shown = zip(row["tgt_img_path"], row["tgt_text"], strict=True)
            yield _row(row, _picture(spec, root, row), {
                f"{path}:{text.strip(chr(34))}": _candidate(spec, root, path, text)
                for path, text in shown
            })  # fmt: skip

    return Parsed(rows=rows())


def _rows(spec: Spec, root: Path, *columns: str) -> Iterator[dict[str, Any]]:
    files = find_tables(root / spec.annotations, spec.subset, spec.split)
    return read_rows(files, (*_QUERY, *columns))


def _row(row: Mapping[str, Any], given: Shown, candidates: dict[str, Shown]) -> Row:
    return Row(instruction=clean(row["qry_inst"]), given=given, candidates=candidates,
               grades={next(iter(candidates)): 1})  # fmt: skip


def _picture(spec: Spec, root: Path, row: Mapping[str, Any]) -> Shown:
    return Shown(text=row["qry_text"].strip(), images=(root / spec.media / row["qry_img_path"],))


def _candidate(spec: Spec, root: Path, path: str, text: str) -> Shown:
    return Shown(text=text.strip(), images=(root / spec.media / path,))
