"""What a row of the benchmark is made of, and the frames of its videos."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tte2_ray.errors import ResourceMissingError
from tte2_ray.pipelines.evaluate.mmeb.specs import Spec

FRAMES: Final = 8
"""Of a video, evenly spread over those that lie there: as the public configuration asks."""
_PICTURES = (".jpg", ".jpeg", ".png")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:-]{0,119}")
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Words and pictures of a query or of a candidate."""

    text: str = ""
    images: tuple[Path, ...] = ()
    """Pictures, or the frames of one video in order."""
    data: bytes = b""
    """Of a picture that lies in the annotations instead."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A query with its candidates and what answers it."""

    instruction: str
    given: Shown
    candidates: Mapping[str, Shown]
    """By the public name. The pool of the query, or what it adds to the corpus of its task."""
    grades: Mapping[str, int]
    """By the public name."""


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A task as it lies there."""

    rows: Iterator[Row]
    corpus: Iterable[tuple[str, Shown]] = ()
    """Candidates that no query brings, with their public names; read while they are walked
    through, for they may hold pictures."""


Parser = Callable[[Spec, Path], Parsed]
"""Reads a task below a root."""


def item_id(name: str) -> str:
    """The id of a candidate: its public name where a TREC run can hold that, else a short one.

    >>> item_id("d/7.png"), item_id("a red car")
    ('d/7.png', 'a_red_car~4ff7ca0b5aba')
    """
    if _PLAIN.fullmatch(name):
        return name
    start = re.sub(r"[^A-Za-z0-9]+", "_", name)[:40].strip("_")
    return f"{start}~{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def clean(instruction: str) -> str:
    """An instruction without the marks of where pictures stood.

    >>> clean("<|image_1|>\\nFind it: ")
    'Find it:'
    """
    return instruction.replace("<|image_1|>", "").strip()


def frames(folder: Path, most: int = FRAMES) -> tuple[Path, ...]:
    """Frames of a video, evenly spread; all where there are fewer, or `most` is 0.

    Raises:
        ResourceMissingError: there are none.
    """
    found = [p for p in folder.iterdir() if _is_picture(p)] if folder.is_dir() else []
    if not found:
        raise ResourceMissingError(f"no frames of a video in {folder}: unpack the archives of "
                                   "video-tasks/frames (docs/mmeb-v2.md)")  # fmt: skip
    found.sort(key=_natural)
    if not most or len(found) < most:
        return tuple(found)
    last = len(found) - 1
    return tuple(found[n * last // (most - 1)] for n in range(most))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in _PICTURES


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = _DIGITS.split(path.name.lower())
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts]
