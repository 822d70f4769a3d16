"""What a source gives: items with their files, before they are written to a manifest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from tools.real_corpus.packages import Package

Kind = Literal["picture", "photograph", "clip", "pdf page"]
KINDS: tuple[Kind, ...] = ("picture", "photograph", "clip", "pdf page")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One item: a file that somebody else made, with its title."""

    kind: Kind
    name: str
    """Path of its file within the folder of its source."""
    data: bytes
    """The file. Pages of one document share it."""
    text: str
    """Its title as its makers wrote it."""
    package: Package
    """That carries it."""
    page: int | None = None
    """Zero-based page of a document."""

    def item_id(self, source: str) -> str:
        """Unique in the corpus; pages are counted from 1, as in PDF links."""
        path = f"{source}/{self.name}"
        return path if self.page is None else f"{path}#page={self.page + 1}"


class Source(Protocol):
    """Files of one make, and how to read their titles."""

    @property
    def name(self) -> str:
        """Folder of its files, and the first part of their ids."""
        ...

    @property
    def packages(self) -> tuple[Package, ...]:
        """What it needs."""
        ...

    def entries(self, archives: Mapping[Package, Path]) -> Iterator[Entry]:
        """Its items, in the same order each time.

        Args:
            archives: of each of its packages.
        """
        ...


def as_words(name: str) -> str:
    """A file's name as a title.

    >>> as_words("skimage/data/hubble_deep_field.jpg")
    'hubble deep field'
    """
    return " ".join(Path(name).stem.replace("_", " ").replace("-", " ").split())
