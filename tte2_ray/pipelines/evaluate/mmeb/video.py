"""Video tasks over one corpus, or with a list of labels: classification and retrieval."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from tte2_ray.errors import ResourceMissingError
from tte2_ray.pipelines.evaluate.mmeb.parts import Parsed, Parser, Row, Shown, frames
from tte2_ray.pipelines.evaluate.mmeb.specs import Spec
from tte2_ray.pipelines.evaluate.mmeb.tables import find_tables, read_rows

LABELS: Final = "labels.txt"
"""Beside the annotations of a classification task: one a line, since the public code holds them."""


def video_classification(spec: Spec, root: Path) -> Parsed:
    """A video is given; all labels of the data set are candidates.

    Raises:
        ResourceMissingError: nobody wrote down the labels. Those that occur in the annotations may
            be fewer, and among fewer it is easier to be right.
    """
    path = root / spec.annotations / LABELS
    if not path.is_file():
        raise ResourceMissingError(
            f"{path} is not there: write the labels of {spec.name} into it, one a line; the public "
            "code ranks among all of them (docs/mmeb-v2.md says where it has them)"
        )
    labels = [line.strip() for line in path.read_text().splitlines() if line.strip()]

    def rows() -> Iterator[Row]:
        for row in annotations(spec, root, "video_id", "pos_text"):
            label = row["pos_text"]
            yield Row(instruction=spec.instruction, given=_video(spec, root, row["video_id"]),
                      candidates={label: Shown(text=label)}, grades={label: 1})  # fmt: skip

    return Parsed(rows=rows(), corpus=((label, Shown(text=label)) for label in labels))


def video_choice(spec: Spec, root: Path) -> Parsed:
    """A video is given; each query brings its own labels."""

    def rows() -> Iterator[Row]:
        for row in annotations(spec, root, "video_id", "pos_text", "neg_text"):
            names = dict.fromkeys([*row["neg_text"], row["pos_text"]])
            yield Row(instruction=spec.instruction,
                      given=_video(spec, root, str(row["video_id"])),
                      candidates={name: Shown(text=name) for name in names},
                      grades={row["pos_text"]: 1})  # fmt: skip

    return Parsed(rows=rows())


def _retrieval(name: str, words: str, named: Callable[[str], str] = str) -> Parser:
    """Words are given; the videos of all rows are candidates.

    Args:
        name: column that names the video.
        words: column of the query; of a list, the first is asked.
        named: makes the name of the video of it.
    """

    def parse(spec: Spec, root: Path) -> Parsed:
        def rows() -> Iterator[Row]:
            for row in annotations(spec, root, name, words):
                video, text = named(str(row[name])), row[words]
                asked = text if isinstance(text, str) else text[0]
                yield Row(instruction=spec.instruction, given=Shown(text=asked.strip()),
                          candidates={video: _video(spec, root, video)},
                          grades={video: 1})  # fmt: skip

        return Parsed(rows=rows())

    return parse


def annotations(spec: Spec, root: Path, *columns: str) -> Iterator[Mapping[str, Any]]:
    """The rows of a task, with these columns."""
    files = find_tables(root / spec.annotations, spec.subset, spec.split)
    return read_rows(files, columns)


def _video(spec: Spec, root: Path, name: str) -> Shown:
    return Shown(images=frames(root / spec.media / name))


def _stem(path: str) -> str:
    return PurePosixPath(path).stem


msrvtt = _retrieval("video_id", "caption")
msvd = _retrieval("video_id", "caption")
didemo = _retrieval("video", "caption", _stem)
youcook2 = _retrieval("id", "sentence")
vatex = _retrieval("videoID", "enCap")
