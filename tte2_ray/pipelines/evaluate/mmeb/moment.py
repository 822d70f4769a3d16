"""Moments: clips of a video are candidates, one of which shows what is described."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from tte2_ray.errors import ResourceMissingError
from tte2_ray.pipelines.evaluate.cells import Cells
from tte2_ray.pipelines.evaluate.mmeb.parts import Parsed, Row, Shown, frames
from tte2_ray.pipelines.evaluate.mmeb.specs import Spec
from tte2_ray.pipelines.evaluate.mmeb.video import annotations

_WHOLE, _POSITIVE = "query", "positive"
_BY_WORDS: Final = "Find the clip that corresponds to the given text:"
_BY_PICTURE: Final = "Select the video clip that aligns with the given text and image:"
_BY_VIDEO: Final = "Find the clip that corresponds to the given sentence and video segment:"


def moments(spec: Spec, root: Path) -> Parsed:
    """`<video>/query/` holds frames of the whole, every folder beside it those of one clip."""

    def rows() -> Iterator[Row]:
        for row in annotations(spec, root, "query", "video_path"):
            video = PurePosixPath(row.text("video_path")).stem
            folder = root / spec.media / video
            given = Shown(text=row.text("query").strip(), images=frames(folder / _WHOLE))
            clips = sorted(p for p in folder.iterdir() if p.is_dir() and p.name != _WHOLE)
            right = [clip.name for clip in clips if clip.name.startswith(_POSITIVE)]
            if len(right) != 1:
                raise ResourceMissingError(
                    f"{folder} holds {len(right)} folders {_POSITIVE}…, not 1: unpack "
                    "video_mret.tar.gz again"
                )
            shown = {f"{video}/{clip.name}": Shown(images=frames(clip)) for clip in clips}
            yield Row(instruction=spec.instruction, given=given, candidates=shown,
                      grades={f"{video}/{right[0]}": 1})  # fmt: skip

    return Parsed(rows=rows())


def momentseeker(spec: Spec, root: Path) -> Parsed:
    """Words, words with a picture, or words with a video are given; clips are listed in the row."""
    wanted = ("query", "positive_frames", "negative_frames", "input_frames")

    def rows() -> Iterator[Row]:
        for row in annotations(spec, root, *wanted):
            right = _clips(row, "positive_frames")
            names = dict.fromkeys([*right, *_clips(row, "negative_frames")])
            shown = {name: Shown(images=_all_frames(spec, root, name)) for name in names}
            instruction, given = _asked(spec, root, row)
            yield Row(instruction=instruction, given=given, candidates=shown,
                      grades=dict.fromkeys(right, 1))  # fmt: skip

    return Parsed(rows=rows())


def _asked(spec: Spec, root: Path, row: Cells) -> tuple[str, Shown]:
    text = row.text("query").strip()
    media = row.text("input_frames") if row.raw("input_frames") else ""  # null: words alone
    if media.endswith(".mp4"):
        return _BY_VIDEO, Shown(text=text, images=_all_frames(spec, root, _folder(media)))
    if media.endswith(".jpg"):
        return _BY_PICTURE, Shown(text=text, images=(root / spec.media / f"query_{media}",))
    return _BY_WORDS, Shown(text=text)


def _clips(row: Cells, column: str) -> list[str]:
    return [_folder(clip.text("output_path")) for clip in row.rows(column)]


def _folder(path: str) -> str:
    return path.partition(".mp4")[0].replace("/", "_")


def _all_frames(spec: Spec, root: Path, name: str) -> tuple[Path, ...]:
    # The public code takes all that lie there; 8 were saved.
    return frames(root / spec.media / "video_frames" / name, most=0)
