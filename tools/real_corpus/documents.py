"""Pages of manuals that Debian packages carry as PDF, in many languages."""

import gzip
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.real_corpus.archives import members
from tools.real_corpus.entries import Entry, as_words
from tools.real_corpus.packages import DOCUMENTS, Package
from tte2_ray.pipelines.index.report import spread


@dataclass(frozen=True, kw_only=True)
class ManualPages:
    """Pages spread over each PDF of some documentation packages."""

    name: str = "pages"
    packages: tuple[Package, ...] = DOCUMENTS
    pages_each: int = 24
    """Most pages of one document."""

    def entries(self, archives: Mapping[Package, Path]) -> Iterator[Entry]:
        """The document's title, the heading in force and the page number as text."""
        for package in self.packages:
            for path, data in members(archives[package], _is_pdf):
                data = gzip.decompress(data) if path.endswith(".gz") else data
                name = f"{package.name}/{Path(path).name.removesuffix('.gz')}"
                for page, text in _titled_pages(data, name, self.pages_each):
                    yield Entry(kind="pdf page", name=name, data=data, text=text, package=package,
                                page=page)  # fmt: skip


def _is_pdf(path: str) -> bool:
    return path.endswith((".pdf", ".pdf.gz"))


def _titled_pages(data: bytes, name: str, most: int) -> Iterator[tuple[int, str]]:
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    try:
        title = document.get_metadata_value("Title").strip() or as_words(name)
        headings = _headings(document)
        for page in spread(range(len(document)), most):
            at = bisect_right([start for start, _ in headings], page)
            heading = headings[at - 1][1] if at else ""
            number = f"page {page + 1} of {len(document)}"
            yield page, " · ".join(part for part in (title, heading, number) if part)
    finally:
        document.close()


def _headings(document: Any) -> list[tuple[int, str]]:
    """Of the outline: the page where each heading stands, ascending, and its words."""
    found = []
    for bookmark in document.get_toc():
        target = bookmark.get_dest()
        page = target.get_index() if target else None
        if page is not None:
            found.append((page, " ".join(bookmark.get_title().split())))
    return sorted(found, key=lambda heading: heading[0])
