"""Questions about videos: each brings its answers, of which one is right."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tte2_ray.pipelines.evaluate.cells import Cells
from tte2_ray.pipelines.evaluate.mmeb.parts import Parsed, Row, Shown, frames
from tte2_ray.pipelines.evaluate.mmeb.specs import Spec
from tte2_ray.pipelines.evaluate.mmeb.video import annotations

MVBENCH: Final = (
    "episodic_reasoning", "action_sequence", "action_prediction", "action_antonym",
    "fine_grained_action", "unexpected_action", "object_existence", "object_interaction",
    "object_shuffle", "moving_direction", "action_localization", "scene_transition",
    "action_count", "moving_count", "moving_attribute", "state_change", "fine_grained_pose",
    "character_order", "egocentric_navigation", "counterfactual_inference",
)  # fmt: skip
"""The subsets that are asked together."""
_YES_NO = ("yes", "no")


def videomme(spec: Spec, root: Path) -> Parsed:
    """Options that begin with their letter; the answer is a letter."""

    def rows() -> Iterator[Row]:
        for row in annotations(spec, root, "videoID", "question", "options", "answer"):
            options = row.texts("options")
            text = "\n".join([row.text("question"), *options])
            right = _at(options, _of_letter(row), row)
            yield _row(spec, root, row.text("videoID"), text, _lettered(options), right)

    return Parsed(rows=rows())


def egoschema(spec: Spec, root: Path) -> Parsed:
    """Likewise; the answer is a number, counted from 0."""

    def rows() -> Iterator[Row]:
        for row in annotations(spec, root, "video_idx", "question", "option", "answer"):
            options = row.texts("option")
            text = row.text("question") + " ".join(options)
            right = _at(options, row.whole("answer"), row)
            yield _row(spec, root, row.text("video_idx"), text, _lettered(options), right)

    return Parsed(rows=rows())


def nextqa(spec: Spec, root: Path) -> Parsed:
    """Five answers in columns of their own; the answer is a number, counted from 0."""
    columns = ("a0", "a1", "a2", "a3", "a4")

    def rows() -> Iterator[Row]:
        for row in annotations(spec, root, "video", "question", "answer", *columns):
            options = [row.text(name) for name in columns]
            shown = {option: Shown(text=option) for option in options}
            right = _at(options, row.whole("answer"), row)
            text = f"{row.text('question')}\nOptions:\n" + "\n".join(_with_letters(options))
            yield _row(spec, root, row.text("video"), text, shown, right)

    return Parsed(rows=rows())


def mvbench(spec: Spec, root: Path) -> Parsed:
    """Twenty subsets; the answer is one of the candidates, which are shown with letters."""
    wanted = ("video", "question", "candidates", "answer")

    def rows() -> Iterator[Row]:
        for subset in MVBENCH:
            for row in annotations(replace(spec, subset=subset), root, *wanted):
                plain = row.texts("candidates")
                options = _with_letters(plain)
                right = options[_index(plain, row)]
                shown = {option: Shown(text=option) for option in options}
                text = f"{row.text('question')}\nOptions:\n" + "\n".join(options)
                yield _row(spec, root, f"{subset}/{row.text('video')}", text, shown, right)

    return Parsed(rows=rows())


def activitynetqa(spec: Spec, root: Path) -> Parsed:
    """Questions that are answered by yes or no."""

    def rows() -> Iterator[Row]:
        for row in annotations(spec, root, "video_name", "question", "answer"):
            shown = {option: Shown(text=option) for option in _YES_NO}
            right = _YES_NO[_index(_YES_NO, row)]
            text = f"{row.text('question')}? (A) yes; (B) no."
            yield _row(spec, root, f"v_{row.text('video_name')}", text, shown, right)

    return Parsed(rows=rows())


def _row(
    spec: Spec, root: Path, video: str, text: str, candidates: Mapping[str, Shown], right: str
) -> Row:
    given = Shown(text=text, images=frames(root / spec.media / video))
    return Row(instruction=spec.instruction, given=given, candidates=candidates,
               grades={right: 1})  # fmt: skip


def _lettered(options: Sequence[str]) -> dict[str, Shown]:
    """Candidates of options like "A. a dog.": named by the whole, shown without letter and stop."""
    return {option: Shown(text=option.partition(". ")[2].strip(". ") or option)
            for option in options}  # fmt: skip


def _with_letters(options: Sequence[str]) -> list[str]:
    return [f"({chr(ord('A') + n)}) {option}" for n, option in enumerate(options)]


def _of_letter(row: Cells) -> int:
    answer = row.text("answer")
    if len(answer) != 1:
        raise row.wrong(f"the answer {answer!r} is no letter")
    return ord(answer) - ord("A")


def _index(options: Sequence[str], row: Cells) -> int:
    answer = row.text("answer")
    if answer not in options:
        raise row.wrong(f"the answer {answer!r} is none of {list(options)}")
    return options.index(answer)


def _at(options: Sequence[str], index: int, row: Cells) -> str:
    if not 0 <= index < len(options):
        raise row.wrong(f"the answer is number {index}, from 0, of {len(options)} options")
    return options[index]
