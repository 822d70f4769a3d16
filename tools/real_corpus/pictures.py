"""Drawn pictures: emoji with their labels, clip art with its titles, shapes with questions."""

import hashlib
import heapq
import html
import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.real_corpus.archives import members
from tools.real_corpus.entries import Entry, as_words
from tools.real_corpus.packages import CLIP_ART, EASY_VQA, EMOJI_LABELS, EMOJI_PICTURES, Package

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, kw_only=True)
class Emoji:
    """Every 3D emoji whose code point has an English label; WebP with transparency."""

    name: str = "emoji"
    packages: tuple[Package, ...] = (EMOJI_PICTURES, EMOJI_LABELS)

    def entries(self, archives: Mapping[Package, Path]) -> Iterator[Entry]:
        """Pictures in the order of the archive; the label, then the tags, as text."""
        labels = _emoji_labels(archives[EMOJI_LABELS])
        for path, data in members(archives[EMOJI_PICTURES], lambda name: name.endswith(".webp")):
            if text := labels.get(_code(Path(path).stem)):
                yield Entry(kind="picture", name=Path(path).name, data=data, text=text,
                            package=EMOJI_PICTURES)  # fmt: skip


def _emoji_labels(archive: Path) -> dict[str, str]:
    [(_, data)] = members(archive, lambda name: name == "package/en/data.json")
    return {
        _code(emoji["hexcode"]): ", ".join([emoji["label"], *emoji.get("tags", [])])
        for emoji in json.loads(data)
    }


def _code(hexcode: str) -> str:
    """Code points without variation selectors, on which the two packages differ."""
    return "-".join(part for part in hexcode.lower().split("-") if part != "fe0f")


@dataclass(frozen=True, kw_only=True)
class ClipArt:
    """A sample of the Open Clip Art Library, drawn by hash of the name, and all its odd files."""

    name: str = "clip-art"
    packages: tuple[Package, ...] = (CLIP_ART,)
    count: int = 800
    """Files in the sample."""
    huge_pixels: int = 50_000_000
    """Pictures larger than this are all taken."""
    blank: tuple[str, ...] = (
        "computer/icons/flat-theme/action/pen_style_nopen.png",
        "electronics/bulb/light_bulb_karl_bartel_01.png",
        "recreation/sports/football_pitch__andy_bur_01.png",
        "signs_and_symbols/zero_stars_saurabh_nanda_01.png",
        "special/gradients/gradient-americana.png",
    )
    """Taken, too: nothing is visible of them, or nothing but white."""

    def entries(self, archives: Mapping[Package, Path]) -> Iterator[Entry]:
        """Title and description from the file itself, and the folder it is sorted into."""
        odd: list[tuple[str, bytes]] = []
        ordinary = self._without_odd(archives[CLIP_ART], odd)
        drawn = heapq.nsmallest(self.count, ordinary, key=lambda found: _digest(found[0]))
        for name, data in sorted(drawn + odd):
            yield Entry(kind="picture", name=name, data=data, text=_clip_art_title(name, data),
                        package=CLIP_ART)  # fmt: skip

    def _without_odd(
        self, archive: Path, odd: list[tuple[str, bytes]]
    ) -> Iterator[tuple[str, bytes]]:
        """Names and files; the odd ones go to `odd` instead."""
        root = "usr/share/openclipart/png/"
        for path, data in members(archive, lambda name: name.startswith(root)):
            if not path.endswith(".png"):
                continue
            name = path.removeprefix(root)
            width, height = struct.unpack(">II", data[16:24])
            if name in self.blank or width * height > self.huge_pixels:
                odd.append((name, data))
            else:
                yield name, data


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _clip_art_title(name: str, data: bytes) -> str:
    said = png_text(data)
    title = said.get("Title", "").strip() or as_words(name)
    about = said.get("Description", "").strip()
    folder = " / ".join(as_words(part) for part in Path(name).parent.parts)
    return " · ".join(part for part in (title, about, folder) if part)


def png_text(data: bytes) -> dict[str, str]:
    """What a PNG says about itself before its pixels: its tEXt chunks, HTML's escapes undone.

    Read by hand: an image library may refuse a picture for its size, whose title is harmless.
    """
    if not data.startswith(_PNG_SIGNATURE):
        return {}
    found: dict[str, str] = {}
    at = len(_PNG_SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind == b"IDAT":
            break
        if kind == b"tEXt":
            key, _, value = data[at + 8 : at + 8 + length].partition(b"\0")
            found[key.decode("latin-1")] = html.unescape(value.decode("latin-1"))
        at += length + 12  # length, kind, body, checksum
    return found


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Pictures of easy-VQA's test split with their first questions and answers."""

    name: str = "easy-vqa"
    packages: tuple[Package, ...] = (EASY_VQA,)
    count: int = 200
    """Pictures, the first of the split."""
    questions: int = 3
    """Of each picture."""

    def entries(self, archives: Mapping[Package, Path]) -> Iterator[Entry]:
        """Pictures by number."""
        root = "easy_vqa/data/test/"
        asked: dict[int, list[str]] = {}
        [(_, data)] = members(archives[EASY_VQA], lambda name: name == f"{root}questions.json")
        for question, answer, picture in json.loads(data):
            asked.setdefault(picture, []).append(f"{question} {answer}")
        wanted = {f"{root}images/{n}.png": n for n in range(self.count)}
        for path, data in members(archives[EASY_VQA], wanted.__contains__):
            text = "; ".join(asked[wanted[path]][: self.questions])
            yield Entry(kind="picture", name=Path(path).name, data=data, text=text,
                        package=EASY_VQA)  # fmt: skip
