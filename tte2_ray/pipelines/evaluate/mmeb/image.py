"""Image tasks: a pool of texts or pictures for each query; the first candidate answers."""

from collections.abc import Iterator
from pathlib import Path

from tte2_ray.pipelines.evaluate.cells import Cells
from tte2_ray.pipelines.evaluate.mmeb.parts import Parsed, Row, Shown, clean
from tte2_ray.pipelines.evaluate.mmeb.specs import Spec
from tte2_ray.pipelines.evaluate.mmeb.tables import find_tables, read_rows

_QUERY = ("qry_inst", "qry_text")


def image_to_text(spec: Spec, root: Path) -> Parsed:
    """Classification, QA and captions: a picture, perhaps a question; texts answer."""

    def rows() -> Iterator[Row]:
        for row in _rows(spec, root, "qry_img_path", "tgt_text"):
            yield _row(row, _picture(spec, root, row), {text: Shown(text=text) for text in
                                                        row.texts("tgt_text")})  # fmt: skip

    return Parsed(rows=rows())


def text_to_image(spec: Spec, root: Path) -> Parsed:
    """Retrieval by words: pictures answer, with captions in some tasks."""

    def rows() -> Iterator[Row]:
        for row in _rows(spec, root, "tgt_text", "tgt_img_path"):
            # Public names are paths alone here: one picture has one caption.
            named = {path: _candidate(spec, root, path, text) for path, text in _captioned(row)}
            yield _row(row, Shown(text=row.text("qry_text").strip()), named)

    return Parsed(rows=rows())


def image_to_image(spec: Spec, root: Path) -> Parsed:
    """Composed retrieval and grounding: a picture with words; pictures answer.

    One picture may stand for several candidates, told apart by their captions.
    """

    def rows() -> Iterator[Row]:
        for row in _rows(spec, root, "qry_img_path", "tgt_text", "tgt_img_path"):
            yield _row(row, _picture(spec, root, row), {
                f"{path}:{text.strip(chr(34))}": _candidate(spec, root, path, text)
                for path, text in _captioned(row)
            })  # fmt: skip

    return Parsed(rows=rows())


def _rows(spec: Spec, root: Path, *columns: str) -> Iterator[Cells]:
    files = find_tables(root / spec.annotations, spec.subset, spec.split)
    return read_rows(files, (*_QUERY, *columns))


def _row(row: Cells, given: Shown, candidates: dict[str, Shown]) -> Row:
    if not candidates:
        raise row.wrong("no candidates, of which the first would be the answer")
    return Row(instruction=clean(row.text("qry_inst")), given=given, candidates=candidates,
               grades={next(iter(candidates)): 1})  # fmt: skip


def _picture(spec: Spec, root: Path, row: Cells) -> Shown:
    path = root / spec.media / row.text("qry_img_path")
    return Shown(text=row.text("qry_text").strip(), images=(path,))


def _captioned(row: Cells) -> list[tuple[str, str]]:
    """Paths and captions of the candidates."""
    paths, texts = row.texts("tgt_img_path"), row.texts("tgt_text")
    if len(paths) != len(texts):
        raise row.wrong(f"tgt_img_path holds {len(paths)} candidates, tgt_text {len(texts)}")
    return list(zip(paths, texts, strict=True))


def _candidate(spec: Spec, root: Path, path: str, text: str) -> Shown:
    return Shown(text=text.strip(), images=(root / spec.media / path,))
