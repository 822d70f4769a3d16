"""Visual documents: queries, pages and graded qrels in tables of BEIR's form."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from tte2_ray.pipelines.evaluate.cells import Cells
from tte2_ray.pipelines.evaluate.mmeb.parts import Parsed, Row, Shown
from tte2_ray.pipelines.evaluate.mmeb.specs import Spec
from tte2_ray.pipelines.evaluate.mmeb.video import annotations

_STEM_CHARS = 50


def vidore(spec: Spec, root: Path) -> Parsed:
    """Pages named by their id."""
    return _beir(spec, root, lambda page: f"{page}.png")


def visrag(spec: Spec, root: Path) -> Parsed:
    """Pages whose id is a file name, which may be too long for a file system."""
    return _beir(spec, root, short_name)


def short_name(page: str) -> str:
    """The file that the public code writes for a page.

    >>> short_name("a/b.jpg")
    'a/b_ad96d0fb.jpg'
    """
    suffix = PurePosixPath(page).suffix
    stem = page[: len(page) - len(suffix)] if suffix else page
    digest = hashlib.md5(page.encode(), usedforsecurity=False).hexdigest()[:8]
    return f"{stem[:_STEM_CHARS]}_{digest}{suffix}"


def _beir(spec: Spec, root: Path, file_of: Callable[[str], str]) -> Parsed:
    grades = _grades(spec, root)

    def rows() -> Iterator[Row]:
        for row in annotations(replace(spec, subset="queries"), root, "query-id", "query"):
            yield Row(instruction=spec.instruction, given=Shown(text=row.text("query").strip()),
                      candidates={}, grades=grades.get(row.text("query-id"), {}))  # fmt: skip

    def pages() -> Iterator[tuple[str, Shown]]:
        for row in annotations(replace(spec, subset="corpus"), root, "corpus-id", "image"):
            page = row.text("corpus-id")
            file = root / spec.media / file_of(page)
            if file.is_file():
                yield page, Shown(images=(file,))
            else:
                yield page, Shown(data=_bytes(row, page, spec))

    return Parsed(rows=rows(), corpus=pages())


def _bytes(row: Cells, page: str, spec: Spec) -> bytes:
    image = row.raw("image")
    data = image.get("bytes") if isinstance(image, dict) else None
    if not isinstance(data, bytes) or not data:
        raise row.wrong(f"page {page} has no picture, in this table or in {spec.media}")
    return data


def _grades(spec: Spec, root: Path) -> Mapping[str, Mapping[str, int]]:
    found: dict[str, dict[str, int]] = {}
    wanted = ("query-id", "corpus-id", "score")
    for row in annotations(replace(spec, subset="qrels"), root, *wanted):
        if (grade := row.whole("score")) > 0:
            of_query, page = found.setdefault(row.text("query-id"), {}), row.text("corpus-id")
            of_query[page] = max(grade, of_query.get(page, 0))
    return found
