"""Video tasks over one corpus, or with a list of labels: classification and retrieval."""

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from tte2_ray.errors import ResourceMissingError
from tte2_ray.pipelines.evaluate.cells import Cells
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
            label = row.text("pos_text")
            yield Row(instruction=spec.instruction, given=_video(spec, root, row.text("video_id")),
                      candidates={label: Shown(text=label)}, grades={label: 1})  # fmt: skip

    return Parsed(rows=rows(), corpus=((label, Shown(text=label)) for label in labels))


def video_choice(spec: Spec, root: Path) -> Parsed:
    """A video is given; each query brings its own labels."""

    def rows() -> Iterator[Row]:
        for row in annotations(spec, root, "video_id", "pos_text", "neg_text"):
            right = row.text("pos_text")
            names = dict.fromkeys([*row.texts("neg_text"), right])
            yield Row(instruction=spec.instruction, given=_video(spec, root, row.text("video_id")),
                      candidates={name: Shown(text=name) for name in names},
                      grades={right: 1})  # fmt: skip

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
                video, asked = named(row.text(name)), _first(row, words)
                yield Row(instruction=spec.instruction, given=Shown(text=asked.strip()),
                          candidates={video: _video(spec, root, video)},
                          grades={video: 1})  # fmt: skip

        return Parsed(rows=rows())

    return parse


def annotations(spec: Spec, root: Path, *columns: str) -> Iterator[Cells]:
    """The rows of a task, with these columns."""
    files = find_tables(root / spec.annotations, spec.subset, spec.split)
    return read_rows(files, columns)


def _first(row: Cells, column: str) -> str:
    if not isinstance(row.raw(column), list):
        return row.text(column)
    if texts := row.texts(column):
        return texts[0]
    raise row.wrong(f"{column} is an empty list, of which the first is asked")


def _video(spec: Spec, root: Path, name: str) -> Shown:
    return Shown(images=frames(root / spec.media / name))


def _stem(path: str) -> str:
    return PurePosixPath(path).stem


msrvtt = _retrieval("video_id", "caption")
msvd = _retrieval("video_id", "caption")
didemo = _retrieval("video", "caption", _stem)
youcook2 = _retrieval("id", "sentence")
vatex = _retrieval("videoID", "enCap")
